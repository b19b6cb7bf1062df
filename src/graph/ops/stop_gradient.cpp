// stop_gradient; see stop_gradient.h.
#include "graph/ops/stop_gradient.h"

#include <algorithm>
#include <cstddef>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class StopGradientOp final : public OpBase<StopGradientOp> {
  public:
    std::string_view name() const override { return "stop_gradient"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 1);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::size_t element = size_of(call.inputs[0].type.dtype);
        const std::size_t bytes = static_cast<std::size_t>(present_elements(call.outputs[0])) * element;
        std::copy_n(call.inputs[0].as<std::byte>(), bytes, call.outputs[0].as<std::byte>());
    }
};

}  // namespace

const Op& stop_gradient_op() {
    static const StopGradientOp op;
    return op;
}

ValueId stop_gradient(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(stop_gradient_op(), {{x}});
}

}  // namespace tensile::ops
