// cast; see cast.h.
#include "graph/ops/cast.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

DType target_of(const Attributes& attributes) {
    return static_cast<DType>(attributes.integer("dtype"));
}

// The bf16 value nearest to x, halves to even.
float round_to_bf16(float x) {
    if (std::isnan(x)) return x;
    auto bits = std::bit_cast<std::uint32_t>(x);
    bits += 0x7FFFU + ((bits >> 16) & 1U);
    return std::bit_cast<float>(bits & 0xFFFF0000U);
}

template <typename To, typename From>
To convert(From x) {
    using Limits = std::numeric_limits<To>;
    if constexpr (std::is_floating_point_v<To>) {
        return static_cast<To>(x);
    } else if constexpr (std::is_floating_point_v<From>) {
        if (std::isnan(x)) return 0;
        if (x <= static_cast<From>(Limits::min())) return Limits::min();
        if (x >= static_cast<From>(Limits::max())) return Limits::max();
        return static_cast<To>(x);
    } else {
        if (std::cmp_less(x, Limits::min())) return Limits::min();
        if (std::cmp_greater(x, Limits::max())) return Limits::max();
        return static_cast<To>(x);
    }
}

template <typename To, typename From>
void convert_all(const KernelCall& call) {
    const From* x = call.inputs[0].as<From>();
    To* y = call.outputs[0].as<To>();
    const std::int64_t count = present_elements(call.outputs[0]);
    for (std::int64_t i = 0; i < count; ++i)
        y[i] = convert<To>(x[i]);
    if constexpr (std::is_floating_point_v<To>) {
        if (target_of(call.attributes) == DType::kBF16)
            for (std::int64_t i = 0; i < count; ++i)
                y[i] = round_to_bf16(static_cast<float>(y[i]));
    }
}

template <typename T, typename From>
void convert_from(const KernelCall& call) {
    switch (target_of(call.attributes)) {
    case DType::kF32:
    case DType::kBF16:
    case DType::kF64:
        return convert_all<T, From>(call);
    case DType::kI32:
        return convert_all<std::int32_t, From>(call);
    case DType::kI64:
        return convert_all<std::int64_t, From>(call);
    case DType::kU8:
        return convert_all<std::uint8_t, From>(call);
    }
}

class CastOp final : public OpBase<CastOp> {
  public:
    std::string_view name() const override { return "cast"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        const std::int64_t target = attributes.integer("dtype");
        check.require(target >= 0 && target < kDTypeCount, "dtype must be an element type");
        return {{target_of(attributes), inputs[0].shape}};
    }

    void gradient(GradientCall& call) const override {
        const DType source = call.builder.type(call.inputs[0]).dtype;
        if (is_floating(source) && is_floating(target_of(call.attributes)))
            call.dense[0] = cast(call.builder, call.output_gradients[0], source);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        switch (call.inputs[0].type.dtype) {
        case DType::kF32:
        case DType::kBF16:
        case DType::kF64:
            return convert_from<T, T>(call);
        case DType::kI32:
            return convert_from<T, std::int32_t>(call);
        case DType::kI64:
            return convert_from<T, std::int64_t>(call);
        case DType::kU8:
            return convert_from<T, std::uint8_t>(call);
        }
    }
};

}  // namespace

const Op& cast_op() {
    static const CastOp op;
    return op;
}

ValueId cast(ProgramBuilder& builder, ValueId x, DType dtype) {
    return builder.add_one(cast_op(), {{x}}, {{"dtype", std::int64_t{static_cast<std::uint8_t>(dtype)}}});
}

}  // namespace tensile::ops
