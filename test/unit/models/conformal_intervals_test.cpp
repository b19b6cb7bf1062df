// Split-conformal intervals: their share of new values, and the rules for few residuals and far steps.
#include "models/forecast/conformal_intervals.h"

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "models/forecast/weight_bytes.h"
#include "tensor/random.h"

namespace tensile {
namespace {

// A residual of series s, k steps ahead: each series of its own size, growing with the steps; not normal.
float residual(std::uint64_t seed, std::int64_t series, std::int64_t step, std::int64_t index) {
    const double normal =
        random_normal(seed, static_cast<std::uint64_t>(series), static_cast<std::uint64_t>(index * 1000 + step));
    return static_cast<float>((1.0 + static_cast<double>(series)) * std::sqrt(static_cast<double>(step)) *
                              std::abs(normal) * normal);
}

ConformalIntervals calibrated(std::int64_t series, std::int64_t horizon, std::int64_t origins) {
    ConformalIntervals::Calibration calibration(series, horizon);
    for (std::int64_t s = 0; s < series; ++s) {
        std::vector<float> residuals;
        for (std::int64_t origin = 0; origin < origins; ++origin)
            for (std::int64_t h = 1; h <= horizon; ++h)
                residuals.push_back(residual(1, s, h, origin));
        calibration.add(s, residuals, 1);
    }
    return ConformalIntervals(std::move(calibration));
}

TEST(ConformalIntervals, HoldTheWantedShareOfNewValues) {
    constexpr std::int64_t kSeries = 20;
    constexpr std::int64_t kHorizon = 4;
    const ConformalIntervals intervals = calibrated(kSeries, kHorizon, 200);
    for (const double level : {0.5, 0.8, 0.9}) {
        const std::vector<double> widths = intervals.relative_widths(kHorizon, level);
        for (std::int64_t h = 1; h <= kHorizon; ++h) {
            int covered = 0;
            constexpr int kNew = 500;
            for (std::int64_t s = 0; s < kSeries; ++s)
                for (int i = 0; i < kNew; ++i)
                    covered +=
                        std::abs(residual(2, s, h, i)) <= intervals.scale(s) * widths[static_cast<std::size_t>(h - 1)]
                            ? 1
                            : 0;
            EXPECT_NEAR(covered / static_cast<double>(kSeries * kNew), level, 0.03)
                << "level " << level << " step " << h;
        }
    }
}

TEST(ConformalIntervals, TakeTheRankOfTheFiniteSample) {
    // Scores 1 ... 9 in units of their mean, 5: the 90 % rank of (9 + 1) * 0.9 is the greatest.
    ConformalIntervals::Calibration calibration(1, 1);
    calibration.add(0, std::vector<float>{-9, 1, 5, -3, 7, 2, -8, 4, 6}, 1);
    const ConformalIntervals intervals{std::move(calibration)};
    EXPECT_FLOAT_EQ(static_cast<float>(intervals.scale(0) * intervals.relative_widths(1, 0.9)[0]), 9);
    EXPECT_FLOAT_EQ(static_cast<float>(intervals.scale(0) * intervals.relative_widths(1, 0.5)[0]), 5);
    EXPECT_FLOAT_EQ(static_cast<float>(intervals.scale(0) * intervals.relative_widths(1, 0.99)[0]), 9);
}

TEST(ConformalIntervals, SeriesWithoutResidualsTakeTheUsualRatioToTheirSpread) {
    constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
    ConformalIntervals::Calibration calibration(4, 2);
    calibration.add(0, std::vector<float>{2, -2, 2, -2}, 4);
    calibration.add(1, std::vector<float>{3, -3, 3, -3}, 6);
    calibration.add(2, std::vector<float>{kNone, kNone, kNone, kNone}, 10);
    calibration.add(3, std::vector<float>{0, 0, 0, 0}, 10);
    const ConformalIntervals intervals{std::move(calibration)};
    EXPECT_FLOAT_EQ(static_cast<float>(intervals.scale(2)), 5);
    EXPECT_EQ(intervals.scale(3), 0);  // forecast without an error
}

TEST(ConformalIntervals, GoOnBeyondTheCalibratedHorizon) {
    const ConformalIntervals intervals = calibrated(20, 24, 200);
    const std::vector<double> widths = intervals.relative_widths(96, 0.9);
    ASSERT_EQ(widths.size(), 96U);
    // Residuals grow with the square root of the steps, and so do widths beyond.
    EXPECT_NEAR(widths[95] / widths[23], 2, 0.3);
    for (std::size_t h = 24; h < 96; ++h)
        EXPECT_GE(widths[h], widths[h - 1]);
}

TEST(ConformalIntervals, AreTheSameAfterStorage) {
    const ConformalIntervals intervals = calibrated(3, 5, 40);
    WeightWriter writer;
    intervals.save(writer);
    const std::vector<std::byte> bytes = writer.take();
    WeightReader reader(bytes);
    const ConformalIntervals loaded = ConformalIntervals::load(reader);
    EXPECT_EQ(loaded.relative_widths(9, 0.9), intervals.relative_widths(9, 0.9));
    for (std::int64_t s = 0; s < 3; ++s)
        EXPECT_EQ(loaded.scale(s), intervals.scale(s));
    WeightReader cut{std::span(bytes).first(bytes.size() / 2)};
    EXPECT_THROW(ConformalIntervals::load(cut), Error);
}

}  // namespace
}  // namespace tensile
