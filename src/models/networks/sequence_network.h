// What the example networks of this folder have in common: the training step that a network hands over, and the builder
// that collects parameters with their initial content while the forward computation is appended, and completes it with
// gradients and the optimizer's update. The networks are complete programs of well-known shapes, to test and measure
// whatever executes programs; no method of the SQL interface uses them. Knows no data and no device.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/job.h"
#include "models/optimizer.h"

namespace tensile {

// An integer input whose elements must lie in [0, bound).
struct IndexInput {
    std::string name;
    std::int64_t bound = 0;
};

// One training step. Besides the inputs that the network's header names, the program has "step", written by
// Optimizer::write_step(), and, with dropout, "random" i64[2] {seed, counter}. Its output is the scalar "loss".
struct TrainingNetwork {
    Program program;
    std::vector<Variable> variables;  // parameters, each followed by its optimizer state
    std::vector<IndexInput> index_inputs;
    std::int64_t parameter_count = 0;  // numbers that are trained
    Optimizer optimizer{OptimizerSettings{}};
};

class TrainingNetworkBuilder {
  public:
    TrainingNetworkBuilder(std::string name, const OptimizerSettings& optimizer, std::uint64_t seed);

    ProgramBuilder& program() { return program_; }

    // Writes a parameter's initial content; `stream` differs from parameter to parameter.
    using Initializer = std::function<void(const TensorView&, std::uint64_t seed, std::uint64_t stream)>;
    static Initializer constant(float value);
    static Initializer normal(double deviation);
    ValueId parameter(const std::string& name, const Shape& shape, bool decays, Initializer initialize);

    ValueId index_input(const std::string& name, const Shape& shape, std::int64_t bound);
    ValueId number_input(const std::string& name, const Shape& shape);

    // x W + b with W [columns of x, outputs] from a normal distribution of variance gain / columns, and b = 0.
    ValueId linear(ValueId x, const std::string& name, std::int64_t outputs, double gain = 1);
    ValueId layer_norm(ValueId x, const std::string& name);
    // Its mask is its own; nothing at rate 0.
    ValueId dropout(ValueId x, double rate);
    // Rows of a new table of `rows` rows.
    ValueId embedding(ValueId indices, const std::string& name, std::int64_t rows, std::int64_t width);

    // Appends gradients and updates. The builder is spent afterwards.
    TrainingNetwork finish(ValueId loss);

  private:
    ProgramBuilder program_;
    Optimizer optimizer_;
    std::uint64_t seed_;
    std::vector<Parameter> parameters_;
    std::vector<ValueId> parameter_values_;
    std::vector<IndexInput> index_inputs_;
    ValueId random_;
    std::int64_t dropouts_ = 0;
};

}  // namespace tensile
