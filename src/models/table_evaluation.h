// Judges predictions of table targets, of any family that predicts TargetEncodings.
#pragma once

#include <span>
#include <vector>

#include "models/metrics.h"
#include "models/model_family.h"
#include "models/table/target_encoding.h"

namespace tensile {

class TableEvaluation final : public Evaluation {
  public:
    // Throws Error 42703 or 42804 when a target cannot be found among the columns. `tasks` outlive the evaluation.
    TableEvaluation(std::span<const TargetEncoding> tasks, std::span<const ColumnDescription> columns);

    void add(const PredictionColumns& predictions, const RawRows& rows) override;
    RowCounts row_counts() const override { return counts_; }
    std::vector<TaskMetric> metrics(const std::atomic<bool>* stop) const override;

  private:
    std::span<const TargetEncoding> tasks_;
    std::vector<int> positions_;
    std::vector<TaskScore> scores_;
    RowCounts counts_;
};

}  // namespace tensile
