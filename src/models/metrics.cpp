// See metrics.h.
#include "models/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/stop.h"

namespace tensile {

std::optional<double> area_under_curve(std::span<const double> scores, std::span<const std::uint8_t> positive,
                                       const std::atomic<bool>* stop) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    StopPoint comparisons(stop);
    std::ranges::sort(order, [&](std::size_t left, std::size_t right) {
        comparisons.count();
        return scores[left] < scores[right];
    });

    // Twice the number of (positive, negative) pairs in the right order, a tie counting once: whole numbers, so that
    // the sum is exact.
    double twice_ordered = 0;
    double negatives_below = 0;
    double positives = 0;
    for (std::size_t begin = 0; begin < order.size();) {
        std::size_t end = begin;
        double tied_positives = 0;
        double tied_negatives = 0;
        for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
            (positive[order[end]] != 0 ? tied_positives : tied_negatives) += 1;
        twice_ordered += tied_positives * (2 * negatives_below + tied_negatives);
        negatives_below += tied_negatives;
        positives += tied_positives;
        begin = end;
    }
    if (positives == 0 || negatives_below == 0) return std::nullopt;
    return twice_ordered / (2 * positives * negatives_below);
}

double log_loss_of(double probability) {
    return -std::log(std::max(probability, 1e-15));
}

void TaskScore::add_number(double prediction, double truth) {
    if (count_++ == 0) first_truth_ = truth;
    const double error = prediction - truth;
    error_squares_ += error * error;
    absolute_errors_ += std::abs(error);
    truth_sum_ += truth - first_truth_;
    truth_squares_ += (truth - first_truth_) * (truth - first_truth_);
}

void TaskScore::add_binary(double probability, bool truth) {
    ++count_;
    predictions_.push_back(probability);
    positive_.push_back(truth ? 1 : 0);
    const bool predicted = probability > 0.5;
    correct_ += predicted == truth ? 1 : 0;
    true_positives_ += predicted && truth ? 1 : 0;
    predicted_positives_ += predicted ? 1 : 0;
    actual_positives_ += truth ? 1 : 0;
    log_loss_ += log_loss_of(truth ? probability : 1 - probability);
    ++log_losses_;
}

void TaskScore::add_class(std::int32_t predicted, std::int32_t truth, std::optional<double> truth_probability) {
    ++count_;
    correct_ += predicted == truth ? 1 : 0;
    if (!truth_probability) return;
    log_loss_ += log_loss_of(*truth_probability);
    ++log_losses_;
}

NamedMetrics TaskScore::metrics(const std::atomic<bool>* stop) const {
    NamedMetrics metrics;
    if (count_ == 0) return metrics;
    const auto count = static_cast<double>(count_);
    if (kind_ == TaskKind::kRegression) {
        metrics.emplace_back("rmse", std::sqrt(error_squares_ / count));
        metrics.emplace_back("mae", absolute_errors_ / count);
        const double spread = truth_squares_ - truth_sum_ * truth_sum_ / count;
        if (spread > 0) metrics.emplace_back("r2", 1 - error_squares_ / spread);
        return metrics;
    }
    if (kind_ == TaskKind::kBinary)
        if (const std::optional<double> area = area_under_curve(predictions_, positive_, stop))
            metrics.emplace_back("auc", *area);
    metrics.emplace_back("accuracy", static_cast<double>(correct_) / count);
    if (log_losses_ == count_) metrics.emplace_back("log_loss", log_loss_ / count);
    if (kind_ == TaskKind::kBinary && predicted_positives_ + actual_positives_ > 0)
        metrics.emplace_back("f1", 2 * static_cast<double>(true_positives_) /
                                       static_cast<double>(predicted_positives_ + actual_positives_));
    return metrics;
}

}  // namespace tensile
