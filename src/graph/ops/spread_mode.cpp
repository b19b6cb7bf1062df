// spread_mode and fold_mode; see spread_mode.h.
#include "graph/ops/spread_mode.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

// Copies of each value.
std::int64_t copies(const Attributes& attributes) {
    const ModeAxis axis = ModeAxis::of(attributes);
    return attributes.integer("repeats") * axis.outer * axis.inner;
}

Attributes attributes_of(const ModeAxis& axis, std::int64_t repeats) {
    Attributes attributes = axis.attributes();
    attributes.add("repeats", repeats);
    return attributes;
}

void check_row(const InputCheck& check, const Attributes& attributes) {
    check.floating(0);
    check.rank(0, 1);
    check.fixed(0);
    check.require(ModeAxis::of(attributes).valid() && attributes.integer("repeats") >= 1,
                  "there must be at least one of everything");
}

// Calls body(place in the row, place among the values).
template <typename Body>
void for_places(const Attributes& attributes, std::int64_t values, Body body) {
    const ModeAxis axis = ModeAxis::of(attributes);
    const std::int64_t size = values / axis.groups;
    const std::int64_t width = values * copies(attributes);
    for (std::int64_t at = 0; at < width; ++at) {
        const std::int64_t n = at / axis.inner % size;
        const std::int64_t group = at / (axis.inner * size * axis.outer) % axis.groups;
        body(at, group * size + n);
    }
}

class SpreadModeOp final : public OpBase<SpreadModeOp> {
  public:
    std::string_view name() const override { return "spread_mode"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check_row(check, attributes);
        check.require(inputs[0].shape[0] % attributes.integer("groups") == 0, "values do not divide into the groups");
        return {{inputs[0].dtype, {inputs[0].shape[0] * copies(attributes)}}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = fold_mode(call.builder, call.output_gradients[0], ModeAxis::of(call.attributes),
                                  call.attributes.integer("repeats"));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* values = call.inputs[0].as<T>();
        T* row = call.outputs[0].as<T>();
        for_places(call.attributes, call.inputs[0].type.shape[0],
                   [&](std::int64_t at, std::int64_t value) { row[at] = values[value]; });
    }
};

class FoldModeOp final : public OpBase<FoldModeOp> {
  public:
    std::string_view name() const override { return "fold_mode"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check_row(check, attributes);
        const std::int64_t each = copies(attributes) * attributes.integer("groups");
        check.require(inputs[0].shape[0] % each == 0, "the row does not divide into the modes");
        return {{inputs[0].dtype, {inputs[0].shape[0] / copies(attributes)}}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = spread_mode(call.builder, call.output_gradients[0], ModeAxis::of(call.attributes),
                                    call.attributes.integer("repeats"));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* row = call.inputs[0].as<T>();
        T* values = call.outputs[0].as<T>();
        const std::int64_t count = call.outputs[0].type.shape[0];
        std::fill_n(values, count, T{0});
        for_places(call.attributes, count, [&](std::int64_t at, std::int64_t value) { values[value] += row[at]; });
    }
};

}  // namespace

const Op& spread_mode_op() {
    static const SpreadModeOp op;
    return op;
}

const Op& fold_mode_op() {
    static const FoldModeOp op;
    return op;
}

ValueId spread_mode(ProgramBuilder& builder, ValueId values, const ModeAxis& axis, std::int64_t repeats) {
    return builder.add_one(spread_mode_op(), {{values}}, attributes_of(axis, repeats));
}

ValueId fold_mode(ProgramBuilder& builder, ValueId row, const ModeAxis& axis, std::int64_t repeats) {
    return builder.add_one(fold_mode_op(), {{row}}, attributes_of(axis, repeats));
}

}  // namespace tensile::ops
