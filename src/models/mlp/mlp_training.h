// An mlp training from declared columns to manifest and metrics: collects rows, fits encodings, assembles the job.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/mlp/mlp_driver.h"
#include "models/mlp/mlp_network.h"
#include "models/model_family.h"
#include "models/precision_option.h"
#include "models/table/packed_table.h"

namespace tensile {

class MlpTraining final : public Training {
  public:
    // Throws Error for options, targets and columns that cannot be used; see TargetColumns in the source.
    explicit MlpTraining(const TrainingRequest& request);

    void append_rows(const RawRows& rows) override;
    void finish_rows(const std::atomic<bool>* stop) override;
    std::uint64_t bytes() const override;
    Precision precision() const override { return precision_of(declared_options_); }
    Job& job() override;
    TrainingProgress progress() const override;
    std::vector<LogLine> take_log() override;
    RowCounts row_counts() const override;
    bool stopped_early() const override;
    std::string manifest() const override;
    std::vector<TaskMetric> metrics() const override;

  private:
    const MlpDriver& driver() const;
    void build_job(const std::atomic<bool>* stop);

    std::string model_name_;
    Options declared_options_;
    MlpOptions options_;
    std::vector<int> features_;  // positions of the columns
    std::vector<int> targets_;
    std::optional<RowCollector> rows_;  // until finish_rows()
    RowCounts counts_;
    // From finish_rows() on:
    std::vector<TargetEncoding> tasks_;
    TableEncoding table_;
    std::optional<PackedTable> data_;
    std::optional<MlpNetwork> network_;
    Job job_;
    MlpDriver* driver_ = nullptr;  // owned by job_
};

}  // namespace tensile
