// Decides the course of an mlp training: epochs of shuffled batches, a look at the validation rows after each, early
// stopping with the best weights kept. A deterministic state machine over what programs read back; it knows no device.
//
// The order of an epoch is made as far as its batches need it, so that no step is long however many rows there are.
//
// An epoch has ceil(rows / batch_size) batches whose sizes differ by at most one row, so that no step learns from a
// small remainder; the slices of a batch likewise. The order of the rows in epoch e is a pure function of (seed, e).
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "models/learning_rate.h"
#include "models/metrics.h"
#include "models/mlp/mlp_programs.h"
#include "models/model_family.h"
#include "models/table/packed_table.h"

namespace tensile {

// Roles and capacities of the job's programs, by their index; programs that a job does not need are absent.
struct MlpProgramSet {
    enum Kind : std::uint8_t { kTrain, kFirstSlice, kMiddleSlice, kLastSlice, kEvaluate, kKeepBest, kRestoreBest };
    struct Entry {
        Kind kind;
        std::vector<MlpInput> inputs;
        std::int64_t capacity = 0;
    };
    std::vector<Entry> entries;
    int index_of(Kind kind) const;
};

// How rows are cut into parts of nearly equal size.
struct EvenParts {
    std::int64_t rows = 0;
    std::int64_t parts = 1;
    std::int64_t begin(std::int64_t part) const { return part * (rows / parts) + std::min(part, rows % parts); }
    std::int64_t greatest() const { return (rows + parts - 1) / parts; }
    std::int64_t least() const { return rows / parts; }
};

class MlpDriver final : public Driver {
  public:
    // `data`, `tasks` and `stop` (which may be null) outlive the driver. Judging an epoch throws Error 57014 when
    // `stop` is set meanwhile.
    MlpDriver(const PackedTable& data, std::span<const TargetEncoding> tasks, const MlpOptions& options,
              MlpProgramSet programs, std::int64_t slices, const std::atomic<bool>* stop);

    std::optional<int> next() override;
    void feed(int program, Feeds feeds) override;
    std::int64_t feed_row_count(int program) const override;
    void feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override;
    void observe(int program, std::span<const TensorView> outputs) override;
    std::string save_state() const override;
    void restore_state(const std::string& state) override;

    TrainingProgress progress() const;
    std::vector<LogLine> take_log();
    bool stopped_early() const { return stopped_early_; }
    std::int64_t epochs_run() const { return epoch_; }
    // The epoch whose weights are the model's; 0 before the first has ended.
    std::int64_t best_epoch() const { return best_epoch_; }
    // On the validation rows, with the weights of best_epoch().
    const std::vector<TaskMetric>& metrics() const { return metrics_; }

  private:
    enum class Phase : std::uint8_t { kTrain, kEvaluate, kKeepBest, kRestoreBest, kDone };
    bool keeps_best() const { return options_.patience > 0 && !data_.validation_rows().empty(); }
    // What an evaluation looks at: the validation rows; without any, the rows of the epoch's last batch, so that an
    // update which made the network diverge is noticed also when no step comes after it.
    std::span<const std::uint32_t> evaluated_rows() const;
    std::span<const std::uint32_t> rows_of_step() const;
    float row_weight(std::size_t task, std::uint32_t row) const noexcept;
    double inverse_weight(std::size_t task, std::span<const std::uint32_t> rows) const;
    void reset_order();
    // Puts the epoch's first `count` rows in their random order; those before have been.
    void shuffle_up_to(std::int64_t count);
    void start_epoch();
    void after_training_step(std::span<const TensorView> outputs);
    void after_evaluation_step(std::span<const TensorView> outputs);
    // Judges the epoch and decides how to go on.
    void end_epoch();
    // Next epoch, or the end.
    void go_on();
    void log(const std::string& task, const std::string& metric, double value);
    // `when`: within the epoch.
    [[noreturn]] void reject_divergence(std::size_t task, const std::string& when) const;

    const PackedTable& data_;
    std::span<const TargetEncoding> tasks_;
    MlpOptions options_;
    Optimizer optimizer_;
    MlpProgramSet programs_;
    EvenParts batches_;
    std::int64_t slices_;
    const std::atomic<bool>* stop_;
    std::int64_t evaluation_rows_ = 0;  // of one evaluation step
    LearningRate learning_rate_;
    std::vector<std::vector<float>> class_weights_;  // by task; empty: all 1
    std::vector<bool> all_rows_weigh_one_;           // by task: no target missing, no class weights
    std::vector<std::int64_t> first_code_;           // by embedding group: where its codes begin in a row

    // The state of the machine.
    Phase phase_ = Phase::kTrain;
    std::int64_t epoch_ = 1;
    std::int64_t batch_ = 0;
    std::int64_t slice_ = 0;
    std::int64_t step_ = 0;
    std::int64_t evaluated_rows_ = 0;
    std::vector<double> batch_losses_;  // by task, of the batch at hand
    std::vector<double> epoch_losses_;  // by task, summed over the epoch's rows
    double last_loss_ = 0;
    double best_loss_ = 0;
    std::int64_t best_epoch_ = 0;
    bool stopped_early_ = false;
    std::vector<TaskMetric> metrics_;
    std::vector<LogLine> log_;

    // Derived from it.
    std::vector<std::uint32_t> order_;
    std::int64_t shuffled_ = 0;  // of them
    std::vector<TaskScore> scores_;
    std::vector<double> validation_losses_;  // by task, summed
};

}  // namespace tensile
