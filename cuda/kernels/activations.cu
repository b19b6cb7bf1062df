// Smooth elementwise functions and rectifiers, each with its gradient. Equations: graph/ops/<op>.h of the engine.
#include "cuda/kernel_registry.h"
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/logistic.h"

namespace tensile::cuda {

namespace {

struct Relu {
    __device__ float operator()(float x) const { return x > 0 ? x : 0; }
};
struct ReluGradient {
    __device__ float operator()(float y, float dy) const { return y > 0 ? dy : 0; }
};

struct Exp {
    __device__ float operator()(float x) const { return expf(x); }
};
struct Log {
    __device__ float operator()(float x) const { return logf(x); }
};

struct Sigmoid {
    __device__ float operator()(float x) const { return logistic(x); }
};
struct SigmoidGradient {
    __device__ float operator()(float y, float dy) const { return dy * y * (1 - y); }
};

struct Tanh {
    __device__ float operator()(float x) const { return tanhf(x); }
};
struct TanhGradient {
    __device__ float operator()(float y, float dy) const { return dy * (1 - y * y); }
};

struct Silu {
    __device__ float operator()(float x) const { return x * logistic(x); }
};
// dy s (1 + x (1 - s)), s the logistic function of x
struct SiluGradient {
    __device__ float operator()(float x, float dy) const {
        const float s = logistic(x);
        return dy * s * (1 + x * (1 - s));
    }
};

constexpr float kSqrtTwoOverPi = 0.7978845608028654F;
constexpr float kCubic = 0.044715F;

// tanh of u = sqrt(2 / pi) (x + 0.044715 x^3), the inner function of GELU.
__device__ float gelu_tanh(float x) {
    return tanhf(kSqrtTwoOverPi * fmaf(kCubic * x * x, x, x));
}

struct Gelu {
    __device__ float operator()(float x) const { return 0.5F * x * (1 + gelu_tanh(x)); }
};
// dy (0.5 (1 + tanh u) + 0.5 x (1 - tanh(u)^2) u'), u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)
struct GeluGradient {
    __device__ float operator()(float x, float dy) const {
        const float t = gelu_tanh(x);
        const float slope = kSqrtTwoOverPi * (1 + 3 * kCubic * x * x);
        // Far out, 1 - t^2 is zero while x^2 may have overflowed.
        const float sech_squared = 1 - t * t;
        const float bend = sech_squared != 0 ? x * sech_squared * slope : 0;
        return dy * 0.5F * (1 + t + bend);
    }
};

}  // namespace

void register_activations(KernelRegistry& registry) {
    registry.add("relu", &make_elementwise<Relu>);
    registry.add("relu_gradient", &make_elementwise<ReluGradient>);
    registry.add("exp", &make_elementwise<Exp>);
    registry.add("log", &make_elementwise<Log>);
    registry.add("sigmoid", &make_elementwise<Sigmoid>);
    registry.add("sigmoid_gradient", &make_elementwise<SigmoidGradient>);
    registry.add("tanh", &make_elementwise<Tanh>);
    registry.add("tanh_gradient", &make_elementwise<TanhGradient>);
    registry.add("silu", &make_elementwise<Silu>);
    registry.add("silu_gradient", &make_elementwise<SiluGradient>);
    registry.add("gelu", &make_elementwise<Gelu>);
    registry.add("gelu_gradient", &make_elementwise<GeluGradient>);
}

}  // namespace tensile::cuda
