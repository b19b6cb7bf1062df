// moving_average_update; see moving_average_update.h.
#include "graph/ops/moving_average_update.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class MovingAverageUpdateOp final : public OpBase<MovingAverageUpdateOp> {
  public:
    std::string_view name() const override { return "moving_average_update"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    std::vector<Alias> aliases(const Attributes&) const override { return {{0, 0}}; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.same_type(1, 0);
        const double momentum = attributes.number("momentum");
        check.require(momentum >= 0 && momentum <= 1, "momentum must be in [0, 1]");
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const auto momentum = static_cast<T>(call.attributes.number("momentum"));
        const T* running = call.inputs[0].as<T>();
        const T* sample = call.inputs[1].as<T>();
        T* updated = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            updated[i] = momentum * running[i] + (1 - momentum) * sample[i];
    }
};

}  // namespace

const Op& moving_average_update_op() {
    static const MovingAverageUpdateOp op;
    return op;
}

ValueId moving_average_update(ProgramBuilder& builder, ValueId running, ValueId sample, double momentum) {
    return builder.add_one(moving_average_update_op(), {{running, sample}}, {{"momentum", momentum}});
}

}  // namespace tensile::ops
