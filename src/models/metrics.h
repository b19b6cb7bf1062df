// Judging predictions against the truth: the measures that evaluate, training results and training logs report. Knows
// no model.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "models/table/target_encoding.h"

namespace tensile {

// Area under the ROC curve: the probability that a positive scores above a negative, ties counting one half. Nothing
// when either class is empty. Mann-Whitney's rank statistic.
// Throws Error 57014 when `stop` is set meanwhile.
std::optional<double> area_under_curve(std::span<const double> scores, std::span<const std::uint8_t> positive,
                                       const std::atomic<bool>* stop = nullptr);

using NamedMetrics = std::vector<std::pair<std::string_view, double>>;

// Predictions of one task beside the truth; rows whose truth is missing are not added.
class TaskScore {
  public:
    explicit TaskScore(TaskKind kind) : kind_(kind) {}

    void add_number(double prediction, double truth);
    // `probability` of the positive class.
    void add_binary(double probability, bool truth);
    // `truth_probability`, if known, is the one that the prediction gave to the true class.
    void add_class(std::int32_t predicted, std::int32_t truth, std::optional<double> truth_probability);

    std::int64_t count() const { return count_; }
    // regression: rmse, mae, r2; binary: auc, accuracy, log_loss, f1; multiclass: accuracy, log_loss. Undefined ones
    // are left out: all without rows, auc without both classes, r2 of a constant truth.
    // Throws Error 57014 when `stop` is set meanwhile: auc sorts all predictions.
    NamedMetrics metrics(const std::atomic<bool>* stop = nullptr) const;

  private:
    TaskKind kind_;
    std::int64_t count_ = 0;
    std::vector<double> predictions_;  // of binary tasks
    std::vector<std::uint8_t> positive_;
    // Running sums. Truths are taken relative to the first one, so that a great mean costs no digits.
    double first_truth_ = 0;
    double truth_sum_ = 0;
    double truth_squares_ = 0;
    double error_squares_ = 0;
    double absolute_errors_ = 0;
    double log_loss_ = 0;
    std::int64_t log_losses_ = 0;
    std::int64_t correct_ = 0;
    std::int64_t true_positives_ = 0;
    std::int64_t predicted_positives_ = 0;
    std::int64_t actual_positives_ = 0;
};

// -log(probability), finite also for a probability that rounded to 0.
double log_loss_of(double probability);

}  // namespace tensile
