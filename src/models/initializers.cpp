// See initializers.h.
#include "models/initializers.h"

#include <algorithm>

#include "tensor/random.h"

namespace tensile {

Initializer constant_content(float value) {
    return [value](const TensorView& view) { std::fill_n(view.as<float>(), view.type.shape.elements(), value); };
}

Initializer normal_content(std::uint64_t seed, std::uint64_t stream, double deviation) {
    return [=](const TensorView& view) {
        float* out = view.as<float>();
        for (std::int64_t i = 0; i < view.type.shape.elements(); ++i)
            out[i] = static_cast<float>(deviation * random_normal(seed, stream, static_cast<std::uint64_t>(i)));
    };
}

}  // namespace tensile
