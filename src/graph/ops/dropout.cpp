// dropout and its gradient; see dropout.h.
#include "graph/ops/dropout.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

// The op and its gradient do the same to their first input.
class MaskOp : public OpBase<MaskOp> {
  public:
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.require(inputs[1] == TensorType{DType::kI64, {2}}, "input 1 must be i64[2]");
        const double rate = attributes.number("rate");
        check.require(rate >= 0 && rate < 1, "rate must be in [0, 1)");
        const std::int64_t stream = attributes.integer("stream");
        check.require(stream >= 0 && stream < (1 << 15), "stream must be in [0, 2^15)");
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const double rate = call.attributes.number("rate");
        const auto factor = static_cast<T>(1 / (1 - rate));
        const std::uint32_t threshold = dropout_threshold(rate);
        const auto* rng = call.inputs[1].as<std::int64_t>();
        const auto seed = static_cast<std::uint64_t>(rng[0]);
        const std::uint64_t stream = dropout_stream(call.attributes.integer("stream"), rng[1]);
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i) {
            const bool keep = dropout_keeps(seed, stream, static_cast<std::uint64_t>(i), threshold);
            y[i] = keep ? x[i] * factor : T{0};
        }
    }
};

class DropoutOp final : public MaskOp {
  public:
    std::string_view name() const override { return "dropout"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = dropout_gradient(call.builder, call.output_gradients[0], call.inputs[1],
                                         call.attributes.number("rate"), call.attributes.integer("stream"));
    }
};

class DropoutGradientOp final : public MaskOp {
  public:
    std::string_view name() const override { return "dropout_gradient"; }
};

}  // namespace

const Op& dropout_op() {
    static const DropoutOp op;
    return op;
}

const Op& dropout_gradient_op() {
    static const DropoutGradientOp op;
    return op;
}

ValueId dropout(ProgramBuilder& builder, ValueId x, ValueId rng, double rate, std::int64_t stream) {
    return builder.add_one(dropout_op(), {{x, rng}}, {{"rate", rate}, {"stream", stream}});
}

ValueId dropout_gradient(ProgramBuilder& builder, ValueId dy, ValueId rng, double rate, std::int64_t stream) {
    return builder.add_one(dropout_gradient_op(), {{dy, rng}}, {{"rate", rate}, {"stream", stream}});
}

}  // namespace tensile::ops
