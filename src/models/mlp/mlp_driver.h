// Drives an mlp training along its course (models/epoch_course.h): feeds packed rows, adds up the losses of the tasks,
// and judges each epoch by the metrics on the validation rows. A deterministic state machine over what programs read
// back; it knows no device.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/epoch_course.h"
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

    TrainingProgress progress() const { return course_.progress(last_loss_); }
    std::vector<LogLine> take_log() { return course_.take_log(); }
    bool stopped_early() const { return course_.stopped_early(); }
    std::int64_t epochs_run() const { return course_.epoch(); }
    // The epoch whose weights are the model's; 0 before the first has ended.
    std::int64_t best_epoch() const { return course_.best_epoch(); }
    // On the validation rows, with the weights of best_epoch().
    const std::vector<TaskMetric>& metrics() const { return metrics_; }

  private:
    float row_weight(std::size_t task, std::uint32_t row) const noexcept;
    double inverse_weight(std::size_t task, std::span<const std::uint32_t> rows) const;
    void after_training_step(std::span<const TensorView> outputs);
    void after_evaluation_step(std::span<const TensorView> outputs);
    // Judges the epoch.
    void end_epoch();
    // `when`: within the epoch.
    [[noreturn]] void reject_divergence(std::size_t task, const std::string& when) const;

    const PackedTable& data_;
    std::span<const TargetEncoding> tasks_;
    MlpOptions options_;
    Optimizer optimizer_;
    MlpProgramSet programs_;
    std::int64_t slices_;
    const std::atomic<bool>* stop_;
    EpochCourse course_;
    std::vector<std::vector<float>> class_weights_;  // by task; empty: all 1
    std::vector<bool> all_rows_weigh_one_;           // by task: no target missing, no class weights
    std::vector<std::int64_t> first_code_;           // by embedding group: where its codes begin in a row

    // The state of the machine beside the course.
    std::vector<double> batch_losses_;  // by task, of the batch at hand
    std::vector<double> epoch_losses_;  // by task, summed over the epoch's rows
    double last_loss_ = 0;
    std::vector<TaskMetric> metrics_;

    // Of the evaluation at hand.
    std::vector<TaskScore> scores_;
    std::vector<double> validation_losses_;  // by task, summed
};

}  // namespace tensile
