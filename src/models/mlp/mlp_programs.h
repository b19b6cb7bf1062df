// The programs of an mlp job: training steps (whole batches or slices of them), evaluation, keeping and restoring the
// best weights, prediction. Each comes with the roles of its inputs, so that the driver knows what to feed where.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/mlp/mlp_network.h"

namespace tensile {

// What an input of a program is.
enum class MlpInputRole : std::uint8_t {
    kNumbers,
    kCodes,          // of embedding group `index`
    kTarget,         // of task `index`: f32 [B?], or i32 [B?] for a multiclass task
    kRowWeight,      // of task `index`, f32 [B?]: 0 where the target is missing
    kInverseWeight,  // of task `index`, f32 []: 1 / sum of the row weights of the whole batch, 0 when that is 0
    kRandom,         // i64[2]: seed, counter
    kDecayingStep,   // of the optimizer
    kConstantStep,
};

struct MlpInput {
    MlpInputRole role;
    std::size_t index = 0;
};

struct MlpProgram {
    Program program;
    std::vector<MlpInput> inputs;  // by input order
    std::int64_t capacity = 0;     // rows; 0: takes none
};

// Part of a batch that a training program computes. A batch in slices is kFirst, kMiddle..., kLast; only kWhole and
// kLast update the weights.
enum class MlpSlice : std::uint8_t { kWhole, kFirst, kMiddle, kLast };

class MlpProgramBuilder {
  public:
    MlpProgramBuilder(const MlpNetwork& network, const MlpOptions& options, std::span<const TargetEncoding> tasks);

    // Output t is the loss of task t: its mean over the batch, or what the slice adds to it.
    MlpProgram training(std::int64_t capacity, MlpSlice slice) const;
    // Outputs are the predictions of each task.
    MlpProgram evaluation(std::int64_t capacity) const;
    // Copies the weights to, or from, their best_weights().
    MlpProgram keep_best() const;
    MlpProgram restore_best() const;

    // Variables besides the network's weights: optimizer state, gradient sums of sliced batches, best weights.
    std::vector<Variable> optimizer_state() const;
    std::vector<Variable> gradient_sums() const;
    std::vector<Variable> best_weights() const;

  private:
    std::vector<ValueId> losses(ProgramBuilder& builder, std::span<const ValueId> logits, std::int64_t capacity,
                                std::int16_t batch, std::vector<MlpInput>& inputs) const;
    MlpProgram copy_weights(const std::string& name, bool to_best) const;

    const MlpNetwork& network_;
    std::vector<TaskKind> tasks_;
    Optimizer optimizer_;
    bool huber_;
};

// The forward program of a stored model, without roles: numbers first (if any), then the codes of each group.
Program mlp_prediction_program(const MlpNetwork& network, std::int64_t capacity);

}  // namespace tensile
