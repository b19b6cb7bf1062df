// Optimizers as parts of a training program: which state a parameter needs, the nodes that update it from its gradient,
// and the scalars to feed at each step. For any model family.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/autodiff.h"
#include "graph/job.h"

namespace tensile {

enum class OptimizerKind : std::uint8_t { kSgd, kAdam, kAdamW };

struct OptimizerSettings {
    OptimizerKind kind = OptimizerKind::kAdam;
    double momentum = 0.9;    // of SGD
    double weight_decay = 0;  // of parameters that decay (matrices, not biases or normalization)
    double clip_norm = 0;     // greatest norm of the whole gradient; 0: no limit
};

struct Parameter {
    Variable variable;
    bool decays = false;
};

// Inputs of one update, fed by write_step().
struct OptimizerStep {
    ValueId decaying;
    ValueId constant;  // without weight decay; the same value when there is none at all
};

class Optimizer {
  public:
    explicit Optimizer(const OptimizerSettings& settings) : settings_(settings) {}

    // Variables that go with a parameter, zero at first.
    std::vector<Variable> state_of(const Parameter& parameter) const;

    // Type of the step inputs.
    TensorType step_type() const;
    // Writes a step input: learning rate and, for Adam, bias corrections of step `step` (from 0).
    void write_step(float* out, double learning_rate, std::int64_t step, bool decaying) const;
    bool has_decay() const { return settings_.weight_decay > 0; }

    // Appends the update of every parameter. A row-sparse gradient updates only the rows that it names, unless its
    // table is so small that a dense update costs less.
    void update(ProgramBuilder& builder, std::span<const Parameter> parameters, std::span<const Gradient> gradients,
                const OptimizerStep& step) const;

  private:
    OptimizerSettings settings_;
};

// A dense gradient: as it is, or its rows added up.
ValueId densified(ProgramBuilder& builder, const Gradient& gradient);

}  // namespace tensile
