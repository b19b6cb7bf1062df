// One element's step of SGD with momentum, shared by the dense and the row form.
#pragma once

#include "graph/op.h"

namespace tensile::ops {

template <typename T>
struct SgdUpdate {
    T learning_rate;
    T momentum;
    T weight_decay;
    T gradient_scale;

    // `scalars`: learning_rate, momentum, weight_decay, gradient_scale.
    explicit SgdUpdate(std::span<const TensorView> scalars)
        : learning_rate(*scalars[0].as<T>()),
          momentum(*scalars[1].as<T>()),
          weight_decay(*scalars[2].as<T>()),
          gradient_scale(*scalars[3].as<T>()) {}

    void apply(T& parameter, T& velocity, T gradient) const {
        velocity = momentum * velocity + (gradient_scale * gradient + weight_decay * parameter);
        parameter -= learning_rate * velocity;
    }
};

}  // namespace tensile::ops
