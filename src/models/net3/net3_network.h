// The network of NET3 (Jing, Tong, Zhu: Network of Tensor Time Series, WWW 2021, arXiv 2102.07736): one step ahead
// forecasts of a tensor of series from the last few steps.
//
//   X_t    the tensor at step t; its gaps hold the network's own forecast from the steps before, zeros at t = 1
//   H_t  = ReLU(X_t Th_0 + sum over terms P of (X_t, multiplied along each mode of P by its graph) Th_P + C_t Th_c + b)
//          with d features a place (section 4.1: TGCN); C_t are covariates of step t + 1
//   Z_t  = H_t multiplied along each mode m by transposed(U_m)                      (section 4.2.1: Tucker)
//   gates  f, i, o, g of an LSTM with tensor-linear layers of Z_t and Y_{t-1}: a matrix W_m along each mode and one
//          along the features, for each gate and side (section 4.2.2); Y_t is the hidden state
//   R_t  = Y_t multiplied along each mode by U_m
//   forecast of step t + 1 = skip + w_R R_t + w_H H_t + b, with w of each series or the same for all (section 4.3)
//
// A tensor of the batch is a row: steps, then gates, then the modes in order, then features. The layers of the four
// gates are one product a mode (the first mode's matrices lie below each other, the others are products by group); what
// does not depend on the step before is one product for all steps of the window, unless gaps are to be filled.
//
// Against the paper: the penalty is on U'U - I, which can be 0, and not on UU' - I, which cannot where U is narrow; the
// losses are mean squares instead of their roots.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/forecast/window_network.h"
#include "models/net3/net3_architecture.h"

namespace tensile {

class Net3Network final : public WindowNetwork {
  public:
    // `skip_coefficients`: of the autoregression, f[window + 1, series], the oldest step's first and a constant last;
    // may be empty for a stored model, whose weights hold them.
    Net3Network(Net3Architecture architecture, std::uint64_t seed, std::vector<float> skip_coefficients = {});

    const Net3Architecture& architecture() const { return architecture_; }
    std::span<const Parameter> parameters() const override { return parameters_; }
    std::span<Parameter> parameters() { return parameters_; }
    // values f[B, window series] (0 at gaps); with gaps present f[B, window series], 1 or 0; with covariates
    // covariates f[B, window series covariates].
    std::span<const WindowInput> inputs() const override { return inputs_; }
    // target f[B, series], weight f[B, series].
    std::span<const WindowInput> targets() const override { return targets_; }

    // f[B, series]
    ValueId forward(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const override;
    WindowPass training_pass(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const override;
    WindowLoss loss(ProgramBuilder& builder, ValueId prediction, std::span<const ValueId> inputs,
                    std::span<const ValueId> targets) const override;

  private:
    void declare_parameters(std::uint64_t seed, std::vector<float> skip_coefficients);
    void declare(std::string name, Shape shape, std::function<void(const TensorView&)> initialize);

    Net3Architecture architecture_;
    std::vector<Parameter> parameters_;
    std::vector<WindowInput> inputs_;
    std::vector<WindowInput> targets_;
};

}  // namespace tensile
