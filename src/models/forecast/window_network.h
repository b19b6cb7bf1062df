// What a network that learns from windows of series offers to the training (window_training.h), and what the samples
// are that it learns from. Knows neither tables of series nor drivers.
//
// A sample is one row of every input of the network. For a tensor method it is a window of the whole tensor; for the
// others the look-back of one series before one origin.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/optimizer.h"

namespace tensile {

// One input of a network: `width` numbers (f32) or indices (i32) a sample.
struct WindowInput {
    std::string name;
    DType dtype = DType::kF32;
    std::int64_t width = 1;
};

struct WindowLoss {
    // What gradients are taken of: f[]. May hold penalties, and must already divide by what it averages over.
    ValueId objective;
    // What validation judges is error_sum / weight_sum over all validation samples, so that a batch with few present
    // targets counts for little: f[] each. The first is a sum over the present targets, the second their number.
    ValueId error_sum;
    ValueId weight_sum;
};

// What a training step computes of a network.
struct WindowPass {
    ValueId prediction;
    ValueId penalty;  // f[], added to the objective but not to what is judged; invalid: none
};

class WindowNetwork {
  public:
    virtual ~WindowNetwork() = default;

    // What gradients train; also all that a stored model consists of.
    virtual std::span<const Parameter> parameters() const = 0;
    // What a forecast needs; values f[B, width].
    virtual std::span<const WindowInput> inputs() const = 0;
    // What the loss needs besides: targets, and which of them are present.
    virtual std::span<const WindowInput> targets() const = 0;
    // True when the network has ops that a bounded number of rows cannot pass (graph/ops/reshape.h). Its programs then
    // always run over their whole capacity: absent samples are rows of zeros, which the targets must say are absent.
    virtual bool needs_static_rows() const { return false; }

    // The forward pass: f[B, ...]. `random` (i64[2] {seed, counter}) is valid in training only: dropout.
    virtual ValueId forward(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const = 0;
    // The same with what only a training step needs.
    virtual WindowPass training_pass(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const {
        return {forward(builder, inputs, random), {}};
    }
    // `prediction` is what forward() returned for `inputs`. A missing target must not matter, whatever the forward pass
    // gives there.
    virtual WindowLoss loss(ProgramBuilder& builder, ValueId prediction, std::span<const ValueId> inputs,
                            std::span<const ValueId> targets) const = 0;
};

// Numbered: first those to train on, then those to validate with. At most 2^32 - 1.
class WindowSamples {
  public:
    virtual ~WindowSamples() = default;
    virtual std::int64_t training_count() const = 0;
    virtual std::int64_t validation_count() const = 0;
    // Writes the sample into row `row` of the network's inputs followed by its targets, in their order. Called from
    // several threads for different rows.
    virtual void write(std::int64_t sample, std::span<const TensorView> inputs, std::int64_t row) const noexcept = 0;
};

// Sees what the final weights predict for the validation samples: metrics, residuals for intervals. It may want to see
// more: what they predict for inputs that hold earlier predictions.
class WindowJudge {
  public:
    virtual ~WindowJudge() = default;
    // Forgets what it has seen: the look starts, perhaps again.
    virtual void begin() = 0;
    // Row i of `prediction` is what forward() gives for samples[i].
    virtual void take(std::span<const std::uint32_t> samples, const TensorView& prediction) = 0;
    // Asked when a look is over: the samples of the next one, valid until that is over; none: enough was seen.
    virtual std::span<const std::uint32_t> further_samples() { return {}; }
    // Writes a sample of such a look, like WindowSamples::write().
    virtual void write_further(std::int64_t /*sample*/, std::span<const TensorView> /*inputs*/,
                               std::int64_t /*row*/) const noexcept {}
};

// The forward program of a stored network; its inputs are network.inputs(), its only output "prediction".
Program window_prediction_program(const WindowNetwork& network, std::int64_t capacity);

// sum(x) / n over the present rows, 0 when n is 0.
ValueId mean_of_sums(ProgramBuilder& builder, ValueId sum, ValueId count);
// Squared errors of the present targets: weight is 1 where a target is present, else 0, and then the target must hold
// any finite number.
WindowLoss squared_window_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight);

// Lets training begin at a stored model's weights, which lie in the order of `parameters` as weight_layout.h says. The
// bytes are copied. Throws Error XX001 when they are of another length.
void start_from(std::span<Parameter> parameters, std::span<const std::byte> weights);

}  // namespace tensile
