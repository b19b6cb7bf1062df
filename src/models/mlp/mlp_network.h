// The network of method mlp: category embeddings beside the numbers, hidden layers shared by all tasks, one linear head
// for all tasks. Declares its variables and appends its forward computation to a program; knows no training.
//
//   x = [numbers | embedding rows of each category]
//   for each hidden layer: x = dropout(activation(normalize(x W + b)))
//   logits = x W_head + b_head, columns of task t at first_output(t)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graph/job.h"
#include "models/mlp/mlp_options.h"
#include "models/optimizer.h"
#include "models/table/table_encoding.h"
#include "models/table/target_encoding.h"

namespace tensile {

// A batch as a program declares it.
struct MlpInputs {
    ValueId numbers;             // f32 [B?, number_width]; invalid when there are none
    std::vector<ValueId> codes;  // by embedding group: i32 [B?, columns of the group]
};

class MlpNetwork {
  public:
    MlpNetwork(const TableEncoding& table, std::span<const TargetEncoding> tasks, const MlpOptions& options);

    // What gradients train, in declaration order.
    std::span<const Parameter> parameters() const { return parameters_; }
    // Running averages of batch normalization.
    std::span<const Variable> statistics() const { return statistics_; }
    // All that a stored model consists of: the variables of parameters() and statistics().
    std::vector<Variable> weights() const;

    MlpInputs declare_inputs(ProgramBuilder& builder, std::int64_t capacity, std::int16_t batch) const;
    // Each task's logits f32 [B?, outputs]. `random` (i64[2] {seed, counter}) makes it the forward pass of training:
    // dropout, statistics of the batch, running averages updated. Otherwise that of prediction.
    std::vector<ValueId> forward(ProgramBuilder& builder, const MlpInputs& inputs, ValueId random = {}) const;
    // What predictions are made of: probabilities of classes, standardised numbers.
    std::vector<ValueId> predictions(ProgramBuilder& builder, std::span<const ValueId> logits) const;

  private:
    struct Layer {
        std::string name;
        std::int64_t inputs = 0;
        std::int64_t outputs = 0;
    };
    void declare_parameter(std::string name, Shape shape, bool decays,
                           std::function<void(const TensorView&)> initialize);
    ValueId parameter(ProgramBuilder& builder, const std::string& name) const;
    ValueId statistic(ProgramBuilder& builder, const std::string& name) const;
    ValueId normalize(ProgramBuilder& builder, const Layer& layer, ValueId x, bool training) const;
    ValueId activate(ProgramBuilder& builder, ValueId x) const;

    Activation activation_;
    Normalization normalization_;
    double dropout_;
    std::int64_t number_width_;
    std::vector<EmbeddingGroup> groups_;
    std::vector<TaskKind> task_kinds_;
    std::vector<std::int64_t> task_outputs_;
    std::vector<Layer> layers_;
    Layer head_;
    std::vector<Parameter> parameters_;
    std::vector<Variable> statistics_;
};

}  // namespace tensile
