// cast: elements of one type to another. To an integer: towards zero, NaN to 0, out of range to the nearest that fits.
// To bf16: to nearest, halves to even.
#include <cmath>
#include <limits>
#include <type_traits>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/elementwise.h"

namespace tensile::cuda {

namespace {

// The upper half of a float.
struct BFloat16 {
    std::uint16_t bits;
};

template <typename From>
__device__ float to_float(From value) {
    if constexpr (std::is_same_v<From, BFloat16>) {
        return __uint_as_float(std::uint32_t{value.bits} << 16);
    } else {
        return static_cast<float>(value);
    }
}

// NaN stays NaN.
__device__ BFloat16 to_bfloat16(float value) {
    const std::uint32_t bits = __float_as_uint(value);
    if (value != value) return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
    return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}

template <typename T>
constexpr T kLeast = std::numeric_limits<T>::min();
template <typename T>
constexpr T kMost = std::numeric_limits<T>::max();

template <typename To, typename From>
struct Cast {
    __device__ To operator()(From value) const {
        if constexpr (std::is_same_v<To, From>) {
            return value;
        } else if constexpr (std::is_same_v<To, BFloat16>) {
            return to_bfloat16(to_float(value));
        } else if constexpr (std::is_same_v<From, BFloat16>) {
            return Cast<To, float>()(to_float(value));
        } else if constexpr (std::is_integral_v<To>) {
            return saturate(value);
        } else {
            return static_cast<To>(value);
        }
    }

  private:
    __device__ static To saturate(From value) {
        if constexpr (std::is_floating_point_v<From>) {
            if (value != value) return 0;
            // The upper limit of i64 is not a floating number; the next one above it is 2^63.
            if (value >= static_cast<From>(kMost<To>)) return kMost<To>;
            if (value <= static_cast<From>(kLeast<To>)) return kLeast<To>;
        } else {
            // Every integer type here fits into 64 bits with a sign.
            if (std::int64_t{value} > std::int64_t{kMost<To>}) return kMost<To>;
            if (std::int64_t{value} < std::int64_t{kLeast<To>}) return kLeast<To>;
        }
        return static_cast<To>(value);
    }
};

template <typename To, typename From>
std::unique_ptr<Kernel> make_for(const OpProblem& problem) {
    return std::make_unique<ElementwiseKernel<Cast<To, From>, To, From>>(problem);
}

template <typename From>
std::unique_ptr<Kernel> make_from(const OpProblem& problem) {
    switch (problem.outputs[0].dtype) {
    case DType::kF32:
        return make_for<float, From>(problem);
    case DType::kBF16:
        return make_for<BFloat16, From>(problem);
    case DType::kF64:
        return make_for<double, From>(problem);
    case DType::kI32:
        return make_for<std::int32_t, From>(problem);
    case DType::kI64:
        return make_for<std::int64_t, From>(problem);
    case DType::kU8:
        return make_for<std::uint8_t, From>(problem);
    }
    throw PluginError(TENSILE_INVALID, "cast to an unknown type");
}

std::unique_ptr<Kernel> make_cast(const DeviceContext&, const OpProblem& problem) {
    switch (problem.inputs[0].dtype) {
    case DType::kF32:
        return make_from<float>(problem);
    case DType::kBF16:
        return make_from<BFloat16>(problem);
    case DType::kF64:
        return make_from<double>(problem);
    case DType::kI32:
        return make_from<std::int32_t>(problem);
    case DType::kI64:
        return make_from<std::int64_t>(problem);
    case DType::kU8:
        return make_from<std::uint8_t>(problem);
    }
    throw PluginError(TENSILE_INVALID, "cast of an unknown type");
}

}  // namespace

void register_cast(KernelRegistry& registry) {
    registry.add("cast", &make_cast);
}

}  // namespace tensile::cuda
