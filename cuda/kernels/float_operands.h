// Which problems a kernel of float32 values takes.
#pragma once

#include <memory>

#include "cuda/error.h"
#include "cuda/kernel.h"
#include "cuda/op_problem.h"

namespace tensile::cuda {

// Throws TENSILE_UNSUPPORTED when a floating operand is not float32.
inline void require_float32_values(const OpProblem& problem) {
    const auto check = [&](const TensorType& type) {
        if (type.dtype == DType::kBF16 || type.dtype == DType::kF64)
            throw PluginError(TENSILE_UNSUPPORTED, "no kernel of " + problem.name + " for values other than float32");
    };
    for (const TensorType& type : problem.inputs)
        check(type);
    for (const TensorType& type : problem.outputs)
        check(type);
}

// For the registry: a kernel of float32 values that is made from the problem.
template <typename KernelClass>
std::unique_ptr<Kernel> make_float32(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    return std::make_unique<KernelClass>(problem);
}

}  // namespace tensile::cuda
