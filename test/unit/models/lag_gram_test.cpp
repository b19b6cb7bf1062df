// Gram matrices by the sliding recurrence against sums over all windows.
#include "models/forecast/lag_gram.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "models/forecast/gap_bridges.h"
#include "tensor/random.h"

namespace tensile {
namespace {

std::vector<double> walk(std::size_t length, double start, std::uint64_t seed) {
    std::vector<double> values(length);
    double value = start;
    for (std::size_t t = 0; t < length; ++t)
        values[t] = value += random_normal(seed, 0, t);
    return values;
}

// Sums over every window, one by one.
double product(const std::vector<std::vector<double>>& runs, std::size_t window, std::size_t i, std::size_t j) {
    double sum = 0;
    for (const std::vector<double>& run : runs)
        for (std::size_t t = 0; t + window <= run.size(); ++t)
            sum += run[t + i] * run[t + j];
    return sum;
}

TEST(LagGram, EqualsTheSumsOverAllWindowsOfSeveralRuns) {
    const std::vector<std::vector<double>> runs = {walk(40, 0, 1), walk(7, 5, 2), walk(12, -3, 3), walk(6, 1, 4)};
    constexpr std::int64_t kWindow = 7;
    LagGram gram(kWindow);
    for (const std::vector<double>& run : runs)
        gram.add(run);
    EXPECT_EQ(gram.count(), 34 + 1 + 6);  // the last run is shorter than a window
    for (std::int64_t i = 0; i < kWindow; ++i) {
        double sum = 0;
        for (const std::vector<double>& run : runs)
            for (std::size_t t = 0; t + kWindow <= run.size(); ++t)
                sum += run[t + static_cast<std::size_t>(i)];
        EXPECT_NEAR(gram.sum(i), sum, 1e-9);
        for (std::int64_t j = 0; j < kWindow; ++j)
            EXPECT_NEAR(gram.product(i, j),
                        product(runs, kWindow, static_cast<std::size_t>(i), static_cast<std::size_t>(j)), 1e-8);
    }
}

TEST(LagGram, KeepsItsDigitsOverManySteps) {
    const std::vector<double> values = walk(20000, 0, 5);
    constexpr std::int64_t kWindow = 400;
    LagGram gram(kWindow);
    gram.add(values);
    const double direct = product({values}, kWindow, kWindow - 1, kWindow - 2);
    EXPECT_NEAR(gram.product(kWindow - 1, kWindow - 2) / direct, 1, 1e-12);
}

TEST(LagGram, AnchorsWindowsAsALinearMap) {
    const std::vector<double> values = walk(60, 100, 6);
    LagGram gram(6);
    gram.add(values);
    const std::vector<std::int64_t> positions = {0, 2, 5};
    const WindowMoments moments = moments_of(gram, positions, 3);
    const double count = 55;
    for (std::size_t a = 0; a < 3; ++a)
        for (std::size_t b = 0; b < 3; ++b) {
            double sum_a = 0;
            double sum_b = 0;
            double both = 0;
            for (std::size_t t = 0; t < 55; ++t) {
                const double x = values[t + static_cast<std::size_t>(positions[a])] - values[t + 3];
                const double y = values[t + static_cast<std::size_t>(positions[b])] - values[t + 3];
                sum_a += x;
                sum_b += y;
                both += x * y;
            }
            EXPECT_NEAR(moments.means[a], sum_a / count, 1e-10);
            EXPECT_NEAR(moments.covariances[a * 3 + b], both - sum_a * sum_b / count, 1e-6);
        }
}

TEST(LagGram, BreaksAtGapsAndBridgesShortOnes) {
    constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
    std::vector<double> values = {kGap, 1, kGap, 3, 4, kGap, kGap, kGap, 8, 9};
    bridge_gaps(values, 2);
    EXPECT_EQ(values[2], 2);
    EXPECT_TRUE(std::isnan(values[0]));
    EXPECT_TRUE(std::isnan(values[6]));
    std::vector<std::size_t> runs;
    for_each_run(values, [&](std::span<const double> run) { runs.push_back(run.size()); });
    EXPECT_EQ(runs, (std::vector<std::size_t>{4, 2}));
}

}  // namespace
}  // namespace tensile
