// Defaults of ops: cost, and the refusal of gradients.
#include "graph/op.h"

#include "tensor/error.h"

namespace tensile {

OpCost Op::cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs, const Attributes&) const {
    OpCost cost;
    for (const TensorType& type : inputs)
        cost.bytes += static_cast<double>(type.bytes());
    for (const TensorType& type : outputs) {
        cost.bytes += static_cast<double>(type.bytes());
        cost.flops += static_cast<double>(type.shape.elements());
    }
    return cost;
}

void Op::gradient(GradientCall&) const {
    throw InternalError("op \"" + std::string(name()) + "\" has no gradient");
}

}  // namespace tensile
