// Tiny problems for the libraries; see warm_up.h.
#include "cuda/warm_up.h"

#include <memory>
#include <utility>
#include <vector>

#include "cuda/error.h"

namespace tensile::cuda {

namespace {

class DeviceMemory {
  public:
    explicit DeviceMemory(std::size_t bytes) {
        if (bytes > 0) check(cudaMalloc(&address_, bytes), "allocating device memory");
    }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;
    ~DeviceMemory() { cudaFree(address_); }
    void* get() const { return address_; }

  private:
    void* address_ = nullptr;
};

// An op of two matrices of side kSide, which give a third; all attributes are integers.
constexpr std::int64_t kSide = 16;
constexpr std::size_t kMatrixBytes = kSide * kSide * sizeof(float);

struct SmallProblem {
    const char* op;
    std::vector<std::pair<const char*, std::int64_t>> attributes;
};

void run(const KernelRegistry& kernels, const DeviceContext& device, const SmallProblem& small) {
    const TensileTensorType matrix{static_cast<TensileDType>(DType::kF32), 2, {kSide, kSide}, -1};
    const TensileTensorType operands[] = {matrix, matrix};
    std::vector<TensileAttribute> attributes;
    for (const auto& [name, value] : small.attributes)
        attributes.push_back({name, TENSILE_INTEGER, value, 0, nullptr, 0});
    TensileOpProblem problem{};
    problem.name = small.op;
    problem.inputs = operands;
    problem.input_count = 2;
    problem.outputs = &matrix;
    problem.output_count = 1;
    problem.attributes = attributes.data();
    problem.attribute_count = attributes.size();
    const std::unique_ptr<Kernel> kernel = kernels.find(small.op)(device, OpProblem(problem));

    const DeviceMemory operand(kMatrixBytes);
    const DeviceMemory result(kMatrixBytes);
    const DeviceMemory scratch(kernel->scratch_bytes());
    check(cudaMemsetAsync(operand.get(), 0, kMatrixBytes, nullptr), "filling device memory");
    const void* const inputs[] = {operand.get(), operand.get()};
    void* const outputs[] = {result.get()};
    const StreamContext stream{nullptr, device.cublas_lt, device.cudnn};
    kernel->launch({inputs, outputs, static_cast<std::byte*>(scratch.get()), nullptr, stream});
    check(cudaDeviceSynchronize(), small.op);
}

}  // namespace

void warm_up(const KernelRegistry& kernels, const DeviceContext& device) {
    run(kernels, device, {"matmul", {{"transpose_a", 0}, {"transpose_b", 0}}});
    // A map of 4 by 4 pixels of 16 channels, under 16 kernels of one pixel: weights [16, 16].
    const std::vector<std::pair<const char*, std::int64_t>> window = {
        {"height", 4}, {"width", 4},          {"kernel_height", 1}, {"kernel_width", 1},
        {"stride", 1}, {"padding_height", 0}, {"padding_width", 0}};
    for (const char* op : {"convolution_2d", "convolution_2d_gradient_input", "convolution_2d_gradient_weights"})
        run(kernels, device, {op, window});
}

}  // namespace tensile::cuda
