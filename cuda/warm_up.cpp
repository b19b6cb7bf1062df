// Tiny problems for the libraries; see warm_up.h.
#include "cuda/warm_up.h"

#include <memory>

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

// A product [16, 16] x [16, 16].
void warm_up_products(const KernelRegistry& kernels, const DeviceContext& device) {
    constexpr std::int64_t kSize = 16;
    const TensileTensorType matrix{static_cast<TensileDType>(DType::kF32), 2, {kSize, kSize}, -1};
    const TensileTensorType operands[] = {matrix, matrix};
    const TensileAttribute attributes[] = {{"transpose_a", TENSILE_INTEGER, 0, 0, nullptr, 0},
                                           {"transpose_b", TENSILE_INTEGER, 0, 0, nullptr, 0}};
    TensileOpProblem problem{};
    problem.name = "matmul";
    problem.inputs = operands;
    problem.input_count = 2;
    problem.outputs = &matrix;
    problem.output_count = 1;
    problem.attributes = attributes;
    problem.attribute_count = 2;
    const std::unique_ptr<Kernel> kernel = kernels.find(problem.name)(device, OpProblem(problem));

    const DeviceMemory memory(kSize * kSize * sizeof(float));
    const DeviceMemory scratch(kernel->scratch_bytes());
    check(cudaMemsetAsync(memory.get(), 0, kSize * kSize * sizeof(float), nullptr), "filling device memory");
    const void* const inputs[] = {memory.get(), memory.get()};
    const DeviceMemory result(kSize * kSize * sizeof(float));
    void* const outputs[] = {result.get()};
    const StreamContext stream{nullptr, device.cublas_lt, device.cudnn};
    kernel->launch({inputs, outputs, static_cast<std::byte*>(scratch.get()), nullptr, stream});
    check(cudaDeviceSynchronize(), "running a first matrix product");
}

}  // namespace

void warm_up(const KernelRegistry& kernels, const DeviceContext& device) {
    warm_up_products(kernels, device);
}

}  // namespace tensile::cuda
