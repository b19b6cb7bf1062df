// The course of a training in epochs: batches of shuffled rows and their slices, a look at the validation rows after
// each epoch, early stopping with the best weights kept. The part of a driver (graph/job.h) that is alike for every
// model family: a deterministic state machine that knows rows only by number, and neither programs nor data.
//
// An epoch has ceil(rows / batch_size) batches whose sizes differ by at most one row, so that no step learns from a
// small remainder; the slices of a batch likewise. The order of the rows in epoch e is a pure function of (seed, e); it
// is made as far as the next batch needs it, so that no step is long however many rows there are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/learning_rate.h"
#include "models/model_family.h"

namespace tensile {

// How rows are cut into parts of nearly equal size.
struct EvenParts {
    std::int64_t rows = 0;
    std::int64_t parts = 1;
    std::int64_t begin(std::int64_t part) const { return part * (rows / parts) + std::min(part, rows % parts); }
    std::int64_t greatest() const { return (rows + parts - 1) / parts; }
    std::int64_t least() const { return rows / parts; }
};

struct EpochSettings {
    std::int64_t epochs = 1;
    std::int64_t batch_size = 1;
    std::int64_t slices = 1;      // of each batch
    std::int64_t patience = 0;    // epochs without a better validation loss before the end; 0: never, the last counts
    std::int64_t epoch_rows = 0;  // most rows that an epoch trains on, drawn anew each time; 0: all
    std::int64_t evaluation_rows = 1;  // of one evaluation step
    bool judges_result = false;        // the validation rows are looked at once more when the weights are final
    double learning_rate = 0;
    ScheduleKind schedule = ScheduleKind::kConstant;
    std::int64_t warmup_steps = 0;
    std::uint64_t seed = 0;
};

// How many batches an epoch over `rows` rows has.
EvenParts batches_of(const EpochSettings& settings, std::int64_t rows);

class EpochCourse {
  public:
    enum class Phase : std::uint8_t { kTrain, kEvaluate, kKeepBest, kRestoreBest, kJudge, kDone };

    // The rows are numbers that mean something to the caller; both spans outlive the course. At least one training row.
    EpochCourse(const EpochSettings& settings, std::span<const std::uint32_t> training_rows,
                std::span<const std::uint32_t> validation_rows);

    Phase phase() const { return phase_; }
    std::int64_t epoch() const { return epoch_; }  // from 1
    std::int64_t step() const { return step_; }    // updates so far
    std::int64_t slice() const { return slice_; }
    const EvenParts& batches() const { return batches_; }
    // The epoch whose weights are the result; 0 before the first has ended.
    std::int64_t best_epoch() const { return best_epoch_; }
    double best_loss() const { return best_loss_; }
    bool stopped_early() const { return stopped_early_; }
    bool validates() const { return !validation_rows_.empty(); }
    bool keeps_best() const { return settings_.patience > 0 && validates(); }
    // Of the next update.
    double learning_rate() const { return learning_rate_.at(step_); }
    // Of the update before.
    double last_learning_rate() const { return learning_rate_.at(step_ - 1); }
    // A number that no other slice of the training has, for random masks.
    std::int64_t random_counter() const { return step_ * settings_.slices + slice_; }

    // Makes the order of rows as far as the step at hand needs it; to be called before rows are asked for.
    void prepare_step();
    // What the program at hand works on: rows of a slice, or of an evaluation step.
    std::span<const std::uint32_t> rows_of_step() const;
    // In training, the whole batch that the slice is part of.
    std::span<const std::uint32_t> rows_of_batch() const;
    // The first of the evaluation's steps.
    bool evaluation_begins() const { return evaluated_rows_ == 0; }

    // The program of the phase has run. Training: returns true when that completes the batch; then finish_batch().
    bool finish_slice();
    // Returns true when the epoch ends without an evaluation; then end_epoch().
    bool finish_batch();
    // Returns true when all rows have been looked at; then end_epoch(), or finish_judging().
    bool finish_evaluation_step();
    // Logs, then goes to the next epoch or to the end. `validation_loss`: what early stopping compares, or nothing.
    // Returns whether the weights at hand are the best so far.
    bool end_epoch(std::optional<double> validation_loss);
    // The copying of weights is done.
    void finish_copy();
    void finish_judging();
    // Instead of finish_judging(): the same is done with these rows, which outlive the look at them.
    void judge_further(std::span<const std::uint32_t> rows);
    bool judges_further() const { return !further_rows_.empty(); }

    void log(const std::string& task, const std::string& metric, double value);
    std::vector<LogLine> take_log();
    TrainingProgress progress(double loss) const;
    // Throws Error 22000. `loss`: which, as in `loss of target "y"`; `when`: within the epoch.
    [[noreturn]] void reject_divergence(const std::string& loss, const std::string& when) const;

    nlohmann::ordered_json to_json() const;
    // Throws Error XX001 for a state that does not fit, or nlohmann's exception for one that is malformed. An
    // evaluation that was interrupted starts again: it changes nothing but what it counts. Rows that were judged are
    // judged again, because what was seen of them is not part of the state.
    void restore(const nlohmann::ordered_json& json);

  private:
    void start_epoch();
    void reset_order();
    void go_on();
    void finish_training();
    // What an evaluation looks at: the validation rows, or those to be judged further; without any, the rows of the
    // epoch's last batch, so that an update which made the network diverge is noticed also when no step comes after it.
    std::span<const std::uint32_t> evaluated_rows() const;

    EpochSettings settings_;
    std::span<const std::uint32_t> training_rows_;
    std::span<const std::uint32_t> validation_rows_;
    EvenParts batches_;
    LearningRate learning_rate_;

    // The state of the machine.
    Phase phase_ = Phase::kTrain;
    std::int64_t epoch_ = 1;
    std::int64_t batch_ = 0;
    std::int64_t slice_ = 0;
    std::int64_t step_ = 0;
    std::int64_t evaluated_rows_ = 0;
    double best_loss_ = 0;
    std::int64_t best_epoch_ = 0;
    bool stopped_early_ = false;
    std::vector<LogLine> log_;

    // Derived from it, or lost with it.
    std::span<const std::uint32_t> further_rows_;
    std::vector<std::uint32_t> order_;
    std::int64_t shuffled_ = 0;  // of them
};

}  // namespace tensile
