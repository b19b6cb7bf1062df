// See epoch_course.h.
#include "models/epoch_course.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {

namespace {

// Random streams of row orders: this, and the epoch.
constexpr std::uint64_t kShuffleStream = std::uint64_t{3} << 32;

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

}  // namespace

EvenParts batches_of(const EpochSettings& settings, std::int64_t rows) {
    if (settings.epoch_rows > 0) rows = std::min(rows, settings.epoch_rows);
    return {rows, (rows + settings.batch_size - 1) / settings.batch_size};
}

EpochCourse::EpochCourse(const EpochSettings& settings, std::span<const std::uint32_t> training_rows,
                         std::span<const std::uint32_t> validation_rows)
    : settings_(settings),
      training_rows_(training_rows),
      validation_rows_(validation_rows),
      batches_(batches_of(settings, static_cast<std::int64_t>(training_rows.size()))),
      learning_rate_{settings.learning_rate, settings.schedule, settings.warmup_steps,
                     settings.epochs * batches_.parts} {
    start_epoch();
}

void EpochCourse::start_epoch() {
    batch_ = 0;
    slice_ = 0;
    evaluated_rows_ = 0;
    phase_ = Phase::kTrain;
    reset_order();
}

void EpochCourse::reset_order() {
    order_.assign(training_rows_.begin(), training_rows_.end());
    shuffled_ = 0;
}

// Fisher and Yates, from the first row on, over the rows in their own order: no epoch depends on the one before.
void EpochCourse::prepare_step() {
    if (phase_ != Phase::kTrain && phase_ != Phase::kEvaluate) return;
    const std::int64_t count = batches_.begin(std::min(batch_ + 1, batches_.parts));
    const std::uint64_t stream = kShuffleStream + static_cast<std::uint64_t>(epoch_);
    const auto rows = static_cast<std::int64_t>(order_.size());
    for (; shuffled_ < count; ++shuffled_) {
        const auto rest = static_cast<std::uint32_t>(rows - shuffled_);
        const std::uint32_t drawn = random_below(settings_.seed, stream, static_cast<std::uint64_t>(shuffled_), rest);
        std::swap(order_[at(shuffled_)], order_[at(shuffled_ + drawn)]);
    }
}

std::span<const std::uint32_t> EpochCourse::evaluated_rows() const {
    if (judges_further()) return further_rows_;
    if (validates()) return validation_rows_;
    const std::int64_t begin = batches_.begin(batches_.parts - 1);
    return std::span(order_).subspan(at(begin), at(batches_.rows - begin));
}

std::span<const std::uint32_t> EpochCourse::rows_of_batch() const {
    if (phase_ != Phase::kTrain) return {};
    const std::int64_t begin = batches_.begin(batch_);
    return std::span(order_).subspan(at(begin), at(batches_.begin(batch_ + 1) - begin));
}

std::span<const std::uint32_t> EpochCourse::rows_of_step() const {
    if (phase_ == Phase::kEvaluate || phase_ == Phase::kJudge) {
        const std::span<const std::uint32_t> rest = evaluated_rows().subspan(at(evaluated_rows_));
        return rest.first(std::min(rest.size(), at(settings_.evaluation_rows)));
    }
    const std::span<const std::uint32_t> batch = rows_of_batch();
    const EvenParts slices{static_cast<std::int64_t>(batch.size()), settings_.slices};
    return batch.subspan(at(slices.begin(slice_)), at(slices.begin(slice_ + 1) - slices.begin(slice_)));
}

bool EpochCourse::finish_slice() {
    if (++slice_ < settings_.slices) return false;
    slice_ = 0;
    return true;
}

bool EpochCourse::finish_batch() {
    ++step_;
    if (++batch_ < batches_.parts) return false;
    if (!validates() && epoch_ < settings_.epochs) return true;
    phase_ = Phase::kEvaluate;
    evaluated_rows_ = 0;
    return false;
}

bool EpochCourse::finish_evaluation_step() {
    evaluated_rows_ += static_cast<std::int64_t>(rows_of_step().size());
    return at(evaluated_rows_) == evaluated_rows().size();
}

bool EpochCourse::end_epoch(std::optional<double> validation_loss) {
    const bool improved = !keeps_best() || best_epoch_ == 0 || (validation_loss && *validation_loss < best_loss_);
    if (improved) {
        best_epoch_ = epoch_;
        best_loss_ = validation_loss.value_or(0);
    }
    if (improved && keeps_best()) {
        phase_ = Phase::kKeepBest;
    } else {
        go_on();
    }
    return improved;
}

void EpochCourse::finish_copy() {
    if (phase_ == Phase::kKeepBest) return go_on();
    finish_training();
}

void EpochCourse::go_on() {
    const bool out_of_patience = keeps_best() && epoch_ - best_epoch_ >= settings_.patience;
    if (epoch_ < settings_.epochs && !out_of_patience) {
        ++epoch_;
        return start_epoch();
    }
    stopped_early_ = epoch_ < settings_.epochs;
    if (keeps_best() && best_epoch_ != epoch_) {
        phase_ = Phase::kRestoreBest;
    } else {
        finish_training();
    }
}

void EpochCourse::finish_training() {
    phase_ = settings_.judges_result && validates() ? Phase::kJudge : Phase::kDone;
    evaluated_rows_ = 0;
}

void EpochCourse::finish_judging() {
    further_rows_ = {};
    phase_ = Phase::kDone;
}

void EpochCourse::judge_further(std::span<const std::uint32_t> rows) {
    further_rows_ = rows;
    evaluated_rows_ = 0;
}

void EpochCourse::log(const std::string& task, const std::string& metric, double value) {
    log_.push_back({static_cast<int>(epoch_), task, metric, value});
}

std::vector<LogLine> EpochCourse::take_log() {
    return std::exchange(log_, {});
}

TrainingProgress EpochCourse::progress(double loss) const {
    static constexpr const char* kPhases[] = {"training",  "validating", "validating",
                                              "finishing", "finishing",  "finishing"};
    TrainingProgress progress;
    progress.phase = kPhases[static_cast<std::size_t>(phase_)];
    progress.epoch = static_cast<int>(epoch_);
    progress.epochs = static_cast<int>(settings_.epochs);
    progress.step = step_;
    progress.steps = settings_.epochs * batches_.parts;
    progress.loss = loss;
    progress.rows_trained = (epoch_ - 1) * batches_.rows + batches_.begin(batch_);
    return progress;
}

void EpochCourse::reject_divergence(const std::string& loss, const std::string& when) const {
    throw Error(sqlstate::kDataException, "training diverged: the loss is not a finite number",
                "The " + loss + " became infinite or NaN in epoch " + std::to_string(epoch_) + ", " + when + ".",
                "Lower \"learning_rate\", or limit the gradient with \"clip_norm\".");
}

nlohmann::ordered_json EpochCourse::to_json() const {
    nlohmann::ordered_json json = {{"phase", static_cast<int>(phase_)},
                                   {"epoch", epoch_},
                                   {"batch", batch_},
                                   {"slice", slice_},
                                   {"step", step_},
                                   {"best_loss", best_loss_},
                                   {"best_epoch", best_epoch_},
                                   {"stopped_early", stopped_early_},
                                   {"log", nlohmann::ordered_json::array()}};
    for (const LogLine& line : log_)
        json["log"].push_back({line.epoch, line.task, line.metric, line.value});
    return json;
}

void EpochCourse::restore(const nlohmann::ordered_json& json) {
    phase_ = static_cast<Phase>(json.at("phase").get<int>());
    epoch_ = json.at("epoch").get<std::int64_t>();
    batch_ = json.at("batch").get<std::int64_t>();
    slice_ = json.at("slice").get<std::int64_t>();
    step_ = json.at("step").get<std::int64_t>();
    best_loss_ = json.at("best_loss").get<double>();
    best_epoch_ = json.at("best_epoch").get<std::int64_t>();
    stopped_early_ = json.at("stopped_early").get<bool>();
    log_.clear();
    for (const auto& line : json.at("log"))
        log_.push_back({line.at(0), line.at(1), line.at(2), line.at(3)});
    const bool sensible = phase_ <= Phase::kDone && epoch_ >= 1 && epoch_ <= settings_.epochs && batch_ >= 0 &&
                          batch_ <= batches_.parts && slice_ >= 0 && slice_ < settings_.slices && step_ >= 0 &&
                          (phase_ != Phase::kTrain || batch_ < batches_.parts);
    if (!sensible) throw Error(sqlstate::kDataCorrupted, "state of a training job does not fit the job");
    further_rows_ = {};
    if (phase_ == Phase::kDone || phase_ == Phase::kJudge) finish_training();
    evaluated_rows_ = 0;
    reset_order();
}

}  // namespace tensile
