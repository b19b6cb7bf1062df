// split_heads and merge_heads; see split_heads.h.
#include "graph/ops/split_heads.h"

#include <algorithm>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

// Calls move(joined, split) with the offsets of each run of `width` elements on the two sides.
template <typename Move>
void for_each_run(const Shape& joined, const Attributes& attributes, const Move& move) {
    const std::int64_t steps = attributes.integer("steps");
    const std::int64_t heads = attributes.integer("heads");
    const std::int64_t width = joined[1] / heads;
    for (std::int64_t row = 0; row < joined[0]; ++row)
        for (std::int64_t head = 0; head < heads; ++head)
            move((row * heads + head) * width, ((row / steps * heads + head) * steps + row % steps) * width);
}

void check_heads(const InputCheck& check, const Attributes& attributes) {
    check.floating(0);
    check.rank(0, 2);
    check.fixed(0);
    check.require(attributes.integer("steps") >= 1 && attributes.integer("heads") >= 1,
                  "there must be a step and a head");
}

class SplitHeadsOp final : public OpBase<SplitHeadsOp> {
  public:
    std::string_view name() const override { return "split_heads"; }
    bool differentiable() const override { return true; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check_heads(check, attributes);
        const Shape& x = inputs[0].shape;
        const std::int64_t heads = attributes.integer("heads");
        check.require(x[0] % attributes.integer("steps") == 0, "rows do not divide into the steps");
        check.require(x[1] % heads == 0, "columns do not divide into the heads");
        return {{inputs[0].dtype, {x[0] * heads, x[1] / heads}}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = merge_heads(call.builder, call.output_gradients[0], call.attributes.integer("steps"),
                                    call.attributes.integer("heads"));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t width = call.outputs[0].type.shape[1];
        for_each_run(call.inputs[0].type.shape, call.attributes,
                     [=](std::int64_t joined, std::int64_t split) { std::copy_n(x + joined, width, y + split); });
    }
};

class MergeHeadsOp final : public OpBase<MergeHeadsOp> {
  public:
    std::string_view name() const override { return "merge_heads"; }
    bool differentiable() const override { return true; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check_heads(check, attributes);
        const Shape& y = inputs[0].shape;
        const std::int64_t heads = attributes.integer("heads");
        check.require(y[0] % (attributes.integer("steps") * heads) == 0,
                      "rows do not divide into the steps and the heads");
        return {{inputs[0].dtype, {y[0] / heads, y[1] * heads}}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = split_heads(call.builder, call.output_gradients[0], call.attributes.integer("steps"),
                                    call.attributes.integer("heads"));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* y = call.inputs[0].as<T>();
        T* x = call.outputs[0].as<T>();
        const std::int64_t width = call.inputs[0].type.shape[1];
        for_each_run(call.outputs[0].type.shape, call.attributes,
                     [=](std::int64_t joined, std::int64_t split) { std::copy_n(y + split, width, x + joined); });
    }
};

}  // namespace

const Op& split_heads_op() {
    static const SplitHeadsOp op;
    return op;
}

const Op& merge_heads_op() {
    static const MergeHeadsOp op;
    return op;
}

ValueId split_heads(ProgramBuilder& builder, ValueId x, std::int64_t steps, std::int64_t heads) {
    return builder.add_one(split_heads_op(), {{x}}, {{"steps", steps}, {"heads", heads}});
}

ValueId merge_heads(ProgramBuilder& builder, ValueId y, std::int64_t steps, std::int64_t heads) {
    return builder.add_one(merge_heads_op(), {{y}}, {{"steps", steps}, {"heads", heads}});
}

}  // namespace tensile::ops
