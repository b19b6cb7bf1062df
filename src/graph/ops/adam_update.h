// One element's step of Adam and AdamW, shared by the dense and the row form.
#pragma once

#include <cmath>

#include "graph/ops/adam.h"

namespace tensile::ops {

template <typename T>
class AdamUpdate {
  public:
    AdamUpdate(const TensorView& step, const TensorView& gradient_scale, bool decoupled)
        : step_(step.as<T>()), gradient_scale_(*gradient_scale.as<T>()), decoupled_(decoupled) {}

    void apply(T& parameter, T& first, T& second, T gradient) const {
        T g = gradient_scale_ * gradient;
        if (decoupled_) {
            parameter -= step_[kAdamLearningRate] * step_[kAdamWeightDecay] * parameter;
        } else {
            g += step_[kAdamWeightDecay] * parameter;
        }
        first = step_[kAdamBeta1] * first + (1 - step_[kAdamBeta1]) * g;
        second = step_[kAdamBeta2] * second + (1 - step_[kAdamBeta2]) * g * g;
        const T deviation = std::sqrt(second / step_[kAdamCorrection2]) + step_[kAdamEpsilon];
        parameter -= step_[kAdamLearningRate] * (first / step_[kAdamCorrection1]) / deviation;
    }

  private:
    const T* step_;
    T gradient_scale_;
    bool decoupled_;
};

}  // namespace tensile::ops
