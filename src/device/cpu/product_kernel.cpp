#include "device/cpu/product_kernel.h"

#include <algorithm>

namespace tensile {

ProductKernel::Workspace ProductKernel::make_workspace() const {
    Workspace workspace;
    workspace.reserve(products_.size());
    for (const OnednnMatmul& each : products_)
        workspace.push_back(each.make_call());
    return workspace;
}

std::vector<std::int64_t> ProductKernel::block_sizes(std::int64_t whole, std::int64_t block) {
    std::vector<std::int64_t> sizes;
    if (whole >= block) sizes.push_back(block);
    if (whole % block != 0) sizes.push_back(whole % block);
    return sizes;
}

void ProductKernel::prepare(const OnednnLibrary& library, const MatmulShape& shape) {
    if (std::ranges::find(products_, shape, &OnednnMatmul::shape) == products_.end())
        products_.emplace_back(library, shape);
}

void ProductKernel::set_own_scratch(std::size_t bytes) {
    std::size_t onednn_bytes = 0;
    for (const OnednnMatmul& each : products_)
        onednn_bytes = std::max(onednn_bytes, each.scratch_bytes());
    onednn_offset_ = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    scratch_bytes_ = (onednn_offset_ + onednn_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void ProductKernel::multiply(const MatmulShape& shape, const float* a, const float* b, float* y, Workspace& workspace,
                             std::byte* scratch) const noexcept {
    std::size_t index = 0;
    while (products_[index].shape() != shape)
        ++index;
    products_[index].run(workspace[index], a, b, y, scratch + onednn_offset_);
}

}  // namespace tensile
