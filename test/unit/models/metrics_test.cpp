// Metrics against values worked out by hand, and learning-rate schedules.
#include "models/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "models/learning_rate.h"
#include "tensor/random.h"

namespace tensile {
namespace {

std::map<std::string_view, double> by_name(const TaskScore& score) {
    const NamedMetrics metrics = score.metrics();
    return {metrics.begin(), metrics.end()};
}

TEST(AreaUnderCurve, CountsOrderedPairsAndTiesHalf) {
    const std::vector<double> scores = {0.1, 0.4, 0.35, 0.8};
    const std::vector<std::uint8_t> positive = {0, 0, 1, 1};
    EXPECT_DOUBLE_EQ(*area_under_curve(scores, positive), 0.75);
    EXPECT_DOUBLE_EQ(*area_under_curve(std::vector<double>{1, 1, 1}, std::vector<std::uint8_t>{0, 1, 1}), 0.5);
    EXPECT_DOUBLE_EQ(*area_under_curve(std::vector<double>{1, 2, 2, 3}, std::vector<std::uint8_t>{0, 0, 1, 1}), 0.875);
    EXPECT_FALSE(area_under_curve(scores, std::vector<std::uint8_t>{1, 1, 1, 1}));
    EXPECT_FALSE(area_under_curve({}, {}));
}

TEST(AreaUnderCurve, AgreesWithCountingPairs) {
    std::vector<double> scores;
    std::vector<std::uint8_t> positive;
    for (std::uint64_t i = 0; i < 300; ++i) {
        scores.push_back(random_below(5, 0, i, 20));
        positive.push_back(random_uniform(5, 1, i) < 0.3 ? 1 : 0);
    }
    double ordered = 0;
    double pairs = 0;
    for (std::size_t i = 0; i < scores.size(); ++i)
        for (std::size_t j = 0; j < scores.size(); ++j)
            if (positive[i] == 1 && positive[j] == 0) {
                ++pairs;
                ordered += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
    EXPECT_DOUBLE_EQ(*area_under_curve(scores, positive), ordered / pairs);
}

TEST(TaskScore, Regression) {
    TaskScore score(TaskKind::kRegression);
    EXPECT_TRUE(score.metrics().empty());
    score.add_number(1e9 + 2, 1e9 + 1);
    score.add_number(1e9 + 2, 1e9 + 3);
    score.add_number(1e9 + 5, 1e9 + 5);
    auto metrics = by_name(score);
    EXPECT_DOUBLE_EQ(metrics.at("rmse"), std::sqrt(2.0 / 3));
    EXPECT_DOUBLE_EQ(metrics.at("mae"), 2.0 / 3);
    EXPECT_DOUBLE_EQ(metrics.at("r2"), 1 - 2.0 / 8);

    TaskScore constant(TaskKind::kRegression);
    constant.add_number(1, 2);
    constant.add_number(3, 2);
    EXPECT_FALSE(by_name(constant).contains("r2"));
}

TEST(TaskScore, Binary) {
    TaskScore score(TaskKind::kBinary);
    score.add_binary(0.9, true);
    score.add_binary(0.2, false);
    score.add_binary(0.6, false);
    score.add_binary(0.4, true);
    auto metrics = by_name(score);
    EXPECT_DOUBLE_EQ(metrics.at("auc"), 0.75);
    EXPECT_DOUBLE_EQ(metrics.at("accuracy"), 0.5);
    EXPECT_DOUBLE_EQ(metrics.at("f1"), 0.5);
    EXPECT_NEAR(metrics.at("log_loss"), -(std::log(0.9) + std::log(0.8) + std::log(0.4) + std::log(0.4)) / 4, 1e-12);

    TaskScore one_class(TaskKind::kBinary);
    one_class.add_binary(0.0, true);
    EXPECT_FALSE(by_name(one_class).contains("auc"));
    EXPECT_TRUE(std::isfinite(by_name(one_class).at("log_loss")));
}

TEST(TaskScore, Multiclass) {
    TaskScore score(TaskKind::kMulticlass);
    score.add_class(2, 2, 0.5);
    score.add_class(0, 1, 0.25);
    EXPECT_DOUBLE_EQ(by_name(score).at("accuracy"), 0.5);
    EXPECT_NEAR(by_name(score).at("log_loss"), (std::log(2.0) + std::log(4.0)) / 2, 1e-12);
    score.add_class(0, 0, std::nullopt);
    EXPECT_FALSE(by_name(score).contains("log_loss"));
}

TEST(LearningRate, RisesAndFalls) {
    const LearningRate linear{1.0, ScheduleKind::kLinear, 4, 14};
    EXPECT_DOUBLE_EQ(linear.at(0), 0.25);
    EXPECT_DOUBLE_EQ(linear.at(3), 1.0);
    EXPECT_DOUBLE_EQ(linear.at(4), 1.0);
    EXPECT_DOUBLE_EQ(linear.at(9), 0.5);
    EXPECT_DOUBLE_EQ(linear.at(14), 0.0);
    EXPECT_DOUBLE_EQ(linear.at(100), 0.0);
    const LearningRate cosine{2.0, ScheduleKind::kCosine, 0, 10};
    EXPECT_DOUBLE_EQ(cosine.at(0), 2.0);
    EXPECT_NEAR(cosine.at(5), 1.0, 1e-12);
    EXPECT_NEAR(cosine.at(10), 0.0, 1e-12);
    const LearningRate constant{0.5, ScheduleKind::kConstant, 2, 10};
    EXPECT_DOUBLE_EQ(constant.at(0), 0.25);
    EXPECT_DOUBLE_EQ(constant.at(9), 0.5);
    // Warm-up longer than the training never divides by nothing.
    EXPECT_DOUBLE_EQ((LearningRate{1.0, ScheduleKind::kLinear, 10, 5}.at(4)), 0.5);
}

}  // namespace
}  // namespace tensile
