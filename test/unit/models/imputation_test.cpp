// Missing cells of a table of series: what the estimates recover, that their intervals hold, and tables of every
// awkward shape.
#include "models/forecast/imputation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/forecast/gap_table.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

SeriesTable table_of(std::int64_t steps, std::int64_t series) {
    SeriesTable table;
    table.steps = steps;
    table.modes.push_back({"series", {}});
    for (std::int64_t s = 0; s < series; ++s) {
        table.modes[0].keys.push_back(std::to_string(s));
        table.keys.push_back(static_cast<std::int32_t>(s));
    }
    table.values.resize(steps * series);
    return table;
}

// Two shapes of a day of 24 steps, mixed differently in each series, louder on some days; `noise` besides.
SeriesTable daily_table(std::int64_t days, std::int64_t series, double noise, std::uint64_t seed = 1) {
    SeriesTable table = table_of(24 * days, series);
    for (std::int64_t t = 0; t < table.steps; ++t) {
        const double hour = 6.283185307179586 * static_cast<double>(t % 24) / 24.0;
        const double loud = 1.5 + random_uniform(seed, 1, t / 24);
        for (std::int64_t s = 0; s < series; ++s) {
            const double mixed = random_uniform(seed, 2, s);
            const double value = loud * (mixed * std::sin(hour) + (1.0 - mixed) * std::cos(2.0 * hour));
            table.values[t * series + s] =
                static_cast<float>(50.0 + 10.0 * value + noise * random_normal(seed, 3, t * series + s));
        }
    }
    return table;
}

SeriesTable without(const SeriesTable& table, double share, std::uint64_t seed) {
    SeriesTable result = table;
    for (std::size_t cell = 0; cell < result.values.size(); ++cell)
        if (random_uniform(seed, 9, cell) < share) result.values[cell] = kMissing;
    return result;
}

struct Quality {
    double rmse = 0.0;
    double linear = 0.0;  // of interpolation
    double coverage = 0.0;
};

Quality compare(const Imputation& imputation, const SeriesTable& truth, const SeriesTable& given) {
    Quality quality;
    const GapTable standard = standardize(given);
    const std::vector<float> linear = interpolate(standard);
    for (const Imputation::Cell& cell : imputation.cells) {
        const std::int64_t at = cell.step * truth.series() + cell.series;
        const double value = truth.values[at];
        quality.rmse += (cell.mean - value) * (cell.mean - value);
        quality.linear += std::pow(standard.restored(linear[at], cell.series) - value, 2.0);
        quality.coverage += value >= cell.lower && value <= cell.upper ? 1.0 : 0.0;
    }
    const auto count = static_cast<double>(imputation.cells.size());
    quality.rmse = std::sqrt(quality.rmse / count);
    quality.linear = std::sqrt(quality.linear / count);
    quality.coverage /= count;
    return quality;
}

// Exactly the missing cells between a series' first and last value, in order; all numbers finite and in order.
void expect_sound(const Imputation& imputation, const SeriesTable& table) {
    std::vector<std::pair<std::int64_t, std::int64_t>> expected;
    const std::int64_t series = table.series();
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s) {
            bool before = false;
            bool after = false;
            for (std::int64_t other = 0; other < table.steps; ++other)
                if (!std::isnan(table.at(other)[s])) (other < t ? before : after) = true;
            if (std::isnan(table.at(t)[s]) && before && after) expected.emplace_back(t, s);
        }
    ASSERT_EQ(imputation.cells.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const Imputation::Cell& cell = imputation.cells[i];
        EXPECT_EQ(std::pair(cell.step, cell.series), expected[i]);
        EXPECT_TRUE(std::isfinite(cell.mean) && std::isfinite(cell.lower) && std::isfinite(cell.upper));
        EXPECT_LE(cell.lower, cell.mean);
        EXPECT_LE(cell.mean, cell.upper);
    }
}

TEST(Imputation, RecoversATableOfLowRank) {
    const SeriesTable truth = daily_table(20, 12, 0.0);
    const SeriesTable given = without(truth, 0.4, 1);
    const Imputation imputation = impute_missing(given, {.season = 24}, 0.9, nullptr);
    expect_sound(imputation, given);
    const Quality quality = compare(imputation, truth, given);
    EXPECT_LT(quality.rmse, 0.15);  // a hundredth of the values' spread
    EXPECT_LT(quality.rmse, 0.1 * quality.linear);
}

TEST(Imputation, ComesNearTheNoise) {
    const SeriesTable truth = daily_table(20, 12, 3.0);
    const SeriesTable given = without(truth, 0.3, 1);
    const Quality quality = compare(impute_missing(given, {.season = 24}, 0.9, nullptr), truth, given);
    EXPECT_GT(quality.rmse, 2.7);
    EXPECT_LT(quality.rmse, 3.45);
    EXPECT_LT(quality.rmse, quality.linear);
}

TEST(Imputation, FillsWholeDaysFromTheOtherSeries) {
    const SeriesTable truth = daily_table(30, 12, 0.5);
    SeriesTable given = truth;
    for (std::int64_t t = 0; t < truth.steps; ++t)
        for (std::int64_t s = 0; s < 12; ++s)
            if (random_uniform(5, 1, t / 24 * 12 + s) < 0.3) given.values[t * 12 + s] = kMissing;
    const Imputation imputation = impute_missing(given, {.season = 24}, 0.9, nullptr);
    expect_sound(imputation, given);
    const Quality quality = compare(imputation, truth, given);
    EXPECT_LT(quality.rmse, 1.5);
    EXPECT_LT(quality.rmse, 0.2 * quality.linear);
}

TEST(Imputation, FollowsASmoothSeriesWithoutSeason) {
    SeriesTable truth = table_of(600, 1);
    double value = 0.0;
    double speed = 0.0;
    for (std::int64_t t = 0; t < truth.steps; ++t) {
        speed = 0.95 * speed + 0.1 * random_normal(3, 1, t);
        value = 0.98 * value + speed;
        truth.values[t] = static_cast<float>(value);
    }
    const SeriesTable given = without(truth, 0.4, 2);
    const Imputation imputation = impute_missing(given, {}, 0.9, nullptr);
    expect_sound(imputation, given);
    const Quality quality = compare(imputation, truth, given);
    EXPECT_LE(quality.rmse, 1.05 * quality.linear);
}

TEST(Imputation, IntervalsHoldTheirShare) {
    const SeriesTable truth = daily_table(40, 15, 4.0, 7);
    const SeriesTable given = without(truth, 0.35, 3);
    for (const double level : {0.5, 0.9}) {
        const Quality quality = compare(impute_missing(given, {.season = 24}, level, nullptr), truth, given);
        EXPECT_NEAR(quality.coverage, level, 0.03) << level;
    }
}

TEST(Imputation, IntervalsAreWiderWhereSeriesAreNoisier) {
    SeriesTable truth = daily_table(40, 10, 0.0);
    for (std::int64_t t = 0; t < truth.steps; ++t)
        for (std::int64_t s = 0; s < 10; ++s)
            truth.values[t * 10 + s] += static_cast<float>((s < 5 ? 0.5 : 5.0) * random_normal(4, 1, t * 10 + s));
    const SeriesTable given = without(truth, 0.3, 3);
    const Imputation imputation = impute_missing(given, {.season = 24}, 0.9, nullptr);
    std::array<double, 2> covered{};
    std::array<double, 2> width{};
    std::array<double, 2> count{};
    for (const Imputation::Cell& cell : imputation.cells) {
        const std::size_t kind = cell.series < 5 ? 0 : 1;
        const float value = truth.at(cell.step)[cell.series];
        covered[kind] += value >= cell.lower && value <= cell.upper ? 1.0 : 0.0;
        width[kind] += cell.upper - cell.lower;
        count[kind] += 1.0;
    }
    EXPECT_GT(width[1] / count[1], 4.0 * width[0] / count[0]);
    EXPECT_NEAR(covered[0] / count[0], 0.9, 0.05);
    EXPECT_NEAR(covered[1] / count[1], 0.9, 0.05);
}

TEST(Imputation, IsDeterministic) {
    const SeriesTable given = without(daily_table(10, 5, 1.0), 0.3, 1);
    const Imputation first = impute_missing(given, {.season = 24, .seed = 5}, 0.9, nullptr);
    const Imputation second = impute_missing(given, {.season = 24, .seed = 5}, 0.9, nullptr);
    ASSERT_EQ(first.cells.size(), second.cells.size());
    for (std::size_t i = 0; i < first.cells.size(); ++i) {
        EXPECT_EQ(first.cells[i].mean, second.cells[i].mean);
        EXPECT_EQ(first.cells[i].lower, second.cells[i].lower);
        EXPECT_EQ(first.cells[i].upper, second.cells[i].upper);
    }
}

TEST(Imputation, DoesNotDependOnUnits) {
    const SeriesTable given = without(daily_table(10, 5, 1.0), 0.3, 1);
    SeriesTable other = given;
    for (float& value : other.values)
        value = value * 1024.0F - 131072.0F;  // exact in float up to the rounding of `given`'s last bits
    const Imputation first = impute_missing(given, {.season = 24}, 0.9, nullptr);
    const Imputation second = impute_missing(other, {.season = 24}, 0.9, nullptr);
    ASSERT_EQ(first.cells.size(), second.cells.size());
    for (std::size_t i = 0; i < first.cells.size(); ++i)
        EXPECT_NEAR((second.cells[i].mean + 131072.0F) / 1024.0F, first.cells[i].mean, 0.02F);
}

TEST(Imputation, LeavesACompleteTableAlone) {
    EXPECT_TRUE(impute_missing(daily_table(5, 3, 1.0), {.season = 24}, 0.9, nullptr).cells.empty());
    EXPECT_TRUE(impute_missing(table_of(0, 3), {}, 0.9, nullptr).cells.empty());
    EXPECT_TRUE(impute_missing(table_of(10, 0), {}, 0.9, nullptr).cells.empty());
}

TEST(Imputation, FillsOnlyBetweenFirstAndLastValue) {
    SeriesTable table = daily_table(10, 4, 1.0);
    for (std::int64_t t = 0; t < table.steps; ++t) {
        table.values[t * 4 + 0] = kMissing;                                       // no value at all
        if (t != 17) table.values[t * 4 + 1] = kMissing;                          // one value
        if (t < 30 || t > 100 || t % 3 == 0) table.values[t * 4 + 2] = kMissing;  // starts late, ends early
        if (t != 3 && t != 200) table.values[t * 4 + 3] = kMissing;               // two values far apart
    }
    expect_sound(impute_missing(table, {.season = 24}, 0.9, nullptr), table);
}

TEST(Imputation, FillsAConstantSeriesWithItsConstant) {
    SeriesTable table = daily_table(10, 3, 1.0);
    for (std::int64_t t = 0; t < table.steps; ++t)
        table.values[t * 3 + 1] = 0.1F;
    const SeriesTable given = without(table, 0.3, 1);
    const Imputation imputation = impute_missing(given, {.season = 24}, 0.9, nullptr);
    expect_sound(imputation, given);
    for (const Imputation::Cell& cell : imputation.cells)
        if (cell.series == 1) {
            EXPECT_EQ(cell.mean, 0.1F);
            EXPECT_EQ(cell.lower, 0.1F);
            EXPECT_EQ(cell.upper, 0.1F);
        }
}

TEST(Imputation, StaysAtOrAboveZeroForCountsOnly) {
    SeriesTable counts = table_of(480, 6);
    for (std::size_t cell = 0; cell < counts.values.size(); ++cell)
        counts.values[cell] = static_cast<float>(std::floor(3.0 * std::pow(random_uniform(1, 1, cell), 4.0)));
    const SeriesTable given = without(counts, 0.3, 1);
    for (const Imputation::Cell& cell : impute_missing(given, {.season = 24}, 0.9, nullptr).cells)
        EXPECT_GE(cell.lower, 0.0F);

    SeriesTable lowered = given;
    for (float& value : lowered.values)
        value -= 1.0F;
    const Imputation below = impute_missing(lowered, {.season = 24}, 0.9, nullptr);
    EXPECT_TRUE(std::any_of(below.cells.begin(), below.cells.end(),
                            [](const Imputation::Cell& cell) { return cell.lower < -1.0F; }));
}

TEST(Imputation, TakesTablesOfEveryShape) {
    struct Shape {
        std::int64_t steps;
        std::int64_t series;
        std::int64_t season;
    };
    for (const Shape& shape : {Shape{3, 1, 1}, Shape{3, 1, 24}, Shape{5, 40, 1}, Shape{20, 2, 7}, Shape{47, 1, 24},
                               Shape{48, 1, 1}, Shape{50, 3, 2}, Shape{73, 1, 24}, Shape{200, 300, 12},
                               Shape{1000, 2, 168}, Shape{1000, 2, 331}, Shape{1000, 1, 1'000'000}}) {
        SeriesTable table = table_of(shape.steps, shape.series);
        for (std::size_t cell = 0; cell < table.values.size(); ++cell)
            table.values[cell] = static_cast<float>(random_normal(2, 1, cell));
        SeriesTable given = without(table, 0.3, 4);
        given.values[shape.series] = kMissing;  // something is missing in the shortest table, too
        given.values[0] = given.values[2 * shape.series] = 1.0F;
        SCOPED_TRACE(std::to_string(shape.steps) + " x " + std::to_string(shape.series) + ", season " +
                     std::to_string(shape.season));
        expect_sound(impute_missing(given, {.season = shape.season}, 0.9, nullptr), given);
    }
}

TEST(Imputation, TakesExtremeValues) {
    SeriesTable table = daily_table(10, 3, 1.0);
    for (std::int64_t t = 0; t < table.steps; ++t) {
        table.values[t * 3 + 0] *= 3e36F;
        table.values[t * 3 + 1] *= 1e-40F;
    }
    const SeriesTable given = without(table, 0.3, 1);
    expect_sound(impute_missing(given, {.season = 24}, 0.9, nullptr), given);
}

TEST(Imputation, RefusesWhatItCannotAnswer) {
    SeriesTable table = without(daily_table(5, 3, 1.0), 0.2, 1);
    const auto code = [&](const ImputationSettings& settings, double level) {
        try {
            impute_missing(table, settings, level, nullptr);
        } catch (const Error& error) {
            return error.sqlstate();
        }
        return std::string();
    };
    EXPECT_EQ(code({}, 0.9), "");
    EXPECT_EQ(code({}, 0.0), "22023");
    EXPECT_EQ(code({}, 1.0), "22023");
    EXPECT_EQ(code({}, std::numeric_limits<double>::quiet_NaN()), "22023");
    EXPECT_EQ(code({.season = 0}, 0.9), "22023");
    table.values[7] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(code({}, 0.9), "22023");
}

TEST(Imputation, StopsWhenAsked) {
    const SeriesTable given = without(daily_table(10, 5, 1.0), 0.3, 1);
    const std::atomic<bool> stop = true;
    try {
        impute_missing(given, {.season = 24}, 0.9, &stop);
        FAIL() << "went on";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "57014");
    }
}

}  // namespace
}  // namespace tensile
