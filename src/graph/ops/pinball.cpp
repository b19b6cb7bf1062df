// pinball and its gradient; see pinball.h.
#include "graph/ops/pinball.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

template <typename T>
T slope(T x, T level) {
    return x > 0 ? level : level - 1;
}

void check_level(const InputCheck& check, const Attributes& attributes) {
    const double level = attributes.number("level");
    check.require(level > 0 && level < 1, "level must lie between 0 and 1");
}

class PinballOp final : public OpBase<PinballOp> {
  public:
    std::string_view name() const override { return "pinball"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check_level(check, attributes);
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] =
            pinball_gradient(call.builder, call.inputs[0], call.output_gradients[0], call.attributes.number("level"));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const auto level = static_cast<T>(call.attributes.number("level"));
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            y[i] = slope(x[i], level) * x[i];
    }
};

class PinballGradientOp final : public OpBase<PinballGradientOp> {
  public:
    std::string_view name() const override { return "pinball_gradient"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.same_type(1, 0);
        check_level(check, attributes);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const auto level = static_cast<T>(call.attributes.number("level"));
        const T* x = call.inputs[0].as<T>();
        const T* dy = call.inputs[1].as<T>();
        T* dx = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            dx[i] = slope(x[i], level) * dy[i];
    }
};

}  // namespace

const Op& pinball_op() {
    static const PinballOp op;
    return op;
}

const Op& pinball_gradient_op() {
    static const PinballGradientOp op;
    return op;
}

ValueId pinball(ProgramBuilder& builder, ValueId x, double level) {
    return builder.add_one(pinball_op(), {{x}}, {{"level", level}});
}

ValueId pinball_gradient(ProgramBuilder& builder, ValueId x, ValueId dy, double level) {
    return builder.add_one(pinball_gradient_op(), {{x, dy}}, {{"level", level}});
}

}  // namespace tensile::ops
