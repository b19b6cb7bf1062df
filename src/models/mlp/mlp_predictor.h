// A stored mlp made ready to predict: everything is rebuilt from the manifest; weights come from elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/mlp/mlp_network.h"
#include "models/model_family.h"
#include "models/table/table_encoding.h"
#include "models/table/target_encoding.h"
#include "models/weight_layout.h"

namespace tensile {

class MlpPredictor final : public Predictor {
  public:
    // Throws Error XX001 when the manifest cannot be that of an mlp.
    static std::unique_ptr<MlpPredictor> load(std::string_view manifest);

    std::span<const PredictionOutput> outputs() const override { return outputs_; }
    std::span<const std::string> labels(int output) const override;
    std::span<const Variable> variables() const override { return weights_; }
    std::span<const std::uint64_t> weight_offsets() const override { return layout_.offsets; }
    std::uint64_t weight_bytes() const override { return layout_.bytes; }
    Program program(std::int64_t capacity) const override;
    std::vector<int> bind_columns(std::span<const ColumnDescription> columns) const override;
    void encode(const RawRows& rows, std::span<const int> columns, std::int64_t begin, std::int64_t end,
                std::span<const TensorView> inputs) const override;
    void decode(std::span<const TensorView> outputs, std::int64_t count, PredictionColumns& columns) const override;
    std::unique_ptr<Evaluation> evaluation(std::span<const ColumnDescription> columns) const override;

  private:
    MlpPredictor(TableEncoding table, std::vector<TargetEncoding> tasks, const MlpOptions& options);

    TableEncoding table_;
    std::vector<TargetEncoding> tasks_;
    MlpNetwork network_;
    std::vector<PredictionOutput> outputs_;
    std::vector<Variable> weights_;
    WeightLayout layout_;
};

}  // namespace tensile
