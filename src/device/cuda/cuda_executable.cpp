#include "device/cuda/cuda_executable.h"

#include "tensor/error.h"

namespace tensile {

std::unique_ptr<Binding> CudaExecutable::bind(std::span<std::byte* const> addresses) const {
    return std::make_unique<CudaBinding>(program_, addresses);
}

CudaBinding::CudaBinding(std::shared_ptr<const CudaProgram> program, std::span<std::byte* const> addresses)
    : program_(std::move(program)), pointers_(program_->pointer_count) {
    if (addresses.size() != program_->lowered.tensors.size())
        throw InternalError("a binding of program \"" + program_->lowered.name +
                            "\" needs one address for each tensor");
    for (std::size_t tensor = 0; tensor < addresses.size(); ++tensor)
        set_address(static_cast<std::int32_t>(tensor), addresses[tensor]);
}

void CudaBinding::set_address(std::int32_t tensor, std::byte* address) {
    for (const CudaPointer& pointer : program_->pointers[static_cast<std::size_t>(tensor)]) {
        const auto begin = reinterpret_cast<std::uintptr_t>(address + pointer.offset);
        pointers_[pointer.position] = address + pointer.offset + (-begin & (pointer.alignment - 1));
    }
}

void CudaBinding::launch(const CudaOp& op, TensileStream* stream, std::span<const std::int64_t> extents) const {
    const CudaContext& context = *program_->context;
    TensileStatus status = empty_status();
    if (op.launch(context.table(), pointers_, stream, extents, &status) != TENSILE_OK) [[unlikely]]
        context.fail(status, "run an operation of program \"" + program_->lowered.name + "\" on the GPU");
}

}  // namespace tensile
