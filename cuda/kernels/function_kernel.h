// A kernel whose launch is a function object that keeps what preparing has decided; for kernels without a choice of
// algorithm. Knows no op.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "cuda/error.h"
#include "cuda/kernel.h"

namespace tensile::cuda {

// What a kernel states beside its launch.
struct KernelTraits {
    std::size_t scratch_bytes = 0;
    std::uint64_t overwritable_inputs = 0;
};

template <typename Launch>
class FunctionKernel final : public Kernel {
  public:
    FunctionKernel(const KernelTraits& traits, Launch launch) : traits_(traits), launch_(std::move(launch)) {}
    std::size_t scratch_bytes() const override { return traits_.scratch_bytes; }
    std::uint64_t overwritable_inputs() const override { return traits_.overwritable_inputs; }
    void launch(const KernelArguments& arguments) const override { launch_(arguments); }

  private:
    KernelTraits traits_;
    Launch launch_;
};

template <typename Launch>
std::unique_ptr<Kernel> function_kernel(const KernelTraits& traits, Launch launch) {
    return std::make_unique<FunctionKernel<Launch>>(traits, std::move(launch));
}

// Throws PluginError (TENSILE_UNSUPPORTED) where the kernel counts with 32 bits and `count` is beyond them.
inline void require_32_bits(const OpProblem& problem, std::int64_t count) {
    if (count > std::int64_t{0x7fffffff})
        throw PluginError(TENSILE_UNSUPPORTED, problem.name + " is too large for its CUDA kernel");
}

}  // namespace tensile::cuda
