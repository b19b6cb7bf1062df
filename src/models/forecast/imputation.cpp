// See imputation.h.
#include "models/forecast/imputation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "models/forecast/gap_blend.h"
#include "models/forecast/gap_candidates.h"
#include "models/forecast/gap_table.h"
#include "models/forecast/hidden_cells.h"
#include "models/stop.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {

namespace {

// Reach of the errors nearby that correct an estimate: about one step, and about a dozen.
constexpr std::array<float, 2> kDecays = {0.37F, 0.85F};
// Fewer hidden cells do not say which estimate is good.
constexpr std::int64_t kFewestToLearnFrom = 40;

std::vector<std::int64_t> inner_missing_cells(const GapTable& table) {
    std::vector<std::int64_t> cells;
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < table.series; ++s) {
            const std::int64_t cell = t * table.series + s;
            if (t > table.first[s] && t < table.last[s] && std::isnan(table.values[cell])) cells.push_back(cell);
        }
    return cells;
}

// Root mean square error of an estimate at the observed cells of each series.
std::vector<float> usual_errors(const GapTable& table, std::span<const float> estimate) {
    constexpr double kLeast = 0.02;  // of the series' standard deviation
    std::vector<double> square(table.series, 0.0);
    std::vector<double> count(table.series, 0.0);
    for (std::size_t cell = 0; cell < table.values.size(); ++cell) {
        if (std::isnan(table.values[cell])) continue;
        const double error = double{table.values[cell]} - estimate[cell];
        square[cell % table.series] += error * error;
        count[cell % table.series] += 1.0;
    }
    std::vector<float> result(table.series);
    for (std::int64_t s = 0; s < table.series; ++s)
        result[s] = static_cast<float>(kLeast + std::sqrt(square[s] / std::max(count[s], 1.0)));
    return result;
}

// All that is known of `cells`, missing ones of `table`.
GapCells describe(const GapTable& table, std::vector<std::int64_t> cells, const GapCandidateSettings& settings,
                  const std::atomic<bool>* stop) {
    GapCells result;
    result.cells = std::move(cells);
    // Columns are collected one after the other, because a candidate is a whole table.
    std::vector<std::vector<float>> estimates;
    std::vector<std::vector<float>> corrections;
    const auto pick = [&](std::span<const float> values, std::vector<std::vector<float>>& columns) {
        std::vector<float>& column = columns.emplace_back();
        column.reserve(result.cells.size());
        for (const std::int64_t cell : result.cells)
            column.push_back(values[cell]);
    };
    std::vector<float> noise;
    for_each_gap_candidate(
        table, settings,
        [&](int candidate, std::span<const float> estimate) {
            pick(estimate, estimates);
            if (candidate == 0) return;  // has no errors at observed cells
            for (const float decay : kDecays)
                pick(smoothed_errors(table, estimate, decay), corrections);
            if (candidate <= 2) noise = usual_errors(table, estimate);
        },
        stop);
    const std::vector<std::int32_t> distances = gap_distances(table);
    std::vector<float> lowest(table.series, 0.0F);
    for (std::size_t cell = 0; cell < table.values.size(); ++cell)
        if (table.values[cell] < lowest[cell % table.series]) lowest[cell % table.series] = table.values[cell];

    result.candidates = static_cast<std::int64_t>(estimates.size());
    result.width = static_cast<std::int64_t>(estimates.size() + corrections.size());
    std::move(corrections.begin(), corrections.end(), std::back_inserter(estimates));
    result.features.resize(result.cells.size() * estimates.size());
    for (std::int64_t i = 0; i < result.size(); ++i) {
        const std::int64_t one = result.cells[i] % table.series;
        for (std::int64_t j = 0; j < result.width; ++j)
            result.features[i * result.width + j] = estimates[j][i];
        result.noise.push_back(noise[one]);
        result.distance.push_back(distances[result.cells[i]]);
        result.height.push_back(lowest[one]);
    }
    return result;
}

struct Learned {
    GapBlend blend;
    GapIntervals intervals;
};

// From cells that were hidden from the candidates and their values.
Learned learn(const GapTable& table, const GapCells& cells, std::span<const float> truth,
              const ImputationSettings& settings, double level, const std::atomic<bool>* stop) {
    std::vector<float> estimates(cells.size());
    if (cells.size() < kFewestToLearnFrom) {
        const GapBlend blend = GapBlend::interpolation(cells.width);
        for (std::int64_t i = 0; i < cells.size(); ++i)
            estimates[i] = blend.estimate(cells, i);
        return {blend, GapIntervals::fit(cells, estimates, truth, level)};
    }
    // Two halves, each estimated by what the other taught; neighbours in time are in the same one, so that cells of one
    // gap do not vouch for each other.
    constexpr std::uint64_t kHalfStream = 0xB1E4D;
    const std::int64_t span = std::max<std::int64_t>(settings.season, 16);
    std::vector<std::uint8_t> half(cells.size());
    for (std::int64_t i = 0; i < cells.size(); ++i) {
        const std::int64_t step = cells.cells[i] / table.series;
        const std::int64_t one = cells.cells[i] % table.series;
        half[i] = random_u32(settings.seed, kHalfStream, step / span * table.series + one) & 1U;
    }
    constexpr std::uint8_t kNeither = 2;
    double best_ridge = 0.0;
    double best_error = std::numeric_limits<double>::infinity();
    for (const double ridge : {1e-4, 1e-3, 1e-2, 1e-1}) {
        throw_if_stopped(stop);
        const std::array<GapBlend, 2> blends = {GapBlend::fit(cells, truth, half, 0, ridge),
                                                GapBlend::fit(cells, truth, half, 1, ridge)};
        double error = 0.0;
        std::vector<float> tried(cells.size());
        for (std::int64_t i = 0; i < cells.size(); ++i) {
            tried[i] = blends[half[i]].estimate(cells, i);
            const double relative = (tried[i] - truth[i]) / cells.noise[i];
            error += relative * relative;
        }
        if (error < best_error) {
            best_error = error;
            best_ridge = ridge;
            estimates = std::move(tried);
        }
    }
    return {GapBlend::fit(cells, truth, half, kNeither, best_ridge), GapIntervals::fit(cells, estimates, truth, level)};
}

Learned learn_from_hidden(const GapTable& table, const GapCandidateSettings& candidates,
                          const ImputationSettings& settings, double level, const std::atomic<bool>* stop) {
    std::vector<std::int64_t> hidden =
        choose_hidden_cells(table, {.cycle = std::max<std::int64_t>(settings.season, 1), .seed = settings.seed});
    GapTable rest = table;
    std::vector<float> truth;
    truth.reserve(hidden.size());
    for (const std::int64_t cell : hidden) {
        truth.push_back(table.values[cell]);
        rest.values[cell] = std::numeric_limits<float>::quiet_NaN();
    }
    const GapCells cells = describe(rest, std::move(hidden), candidates, stop);
    return learn(table, cells, truth, settings, level, stop);
}

}  // namespace

Imputation impute_missing(const SeriesTable& table, const ImputationSettings& settings, double level,
                          const std::atomic<bool>* stop) {
    if (!(level > 0.0 && level < 1.0))
        throw Error(sqlstate::kInvalidParameterValue, "the level of an interval must be between 0 and 1");
    if (settings.season < 1) throw Error(sqlstate::kInvalidParameterValue, "a season has at least one step");
    const GapTable gaps = standardize(table);
    std::vector<std::int64_t> missing = inner_missing_cells(gaps);
    Imputation result;
    if (missing.empty()) return result;

    const GapCandidateSettings candidates = {
        .season = settings.season, .seed = settings.seed, .most_work = settings.most_work};
    const Learned learned = learn_from_hidden(gaps, candidates, settings, level, stop);
    const GapCells cells = describe(gaps, std::move(missing), candidates, stop);

    // Range of each series' observed values, widened by half of it.
    std::vector<float> least(gaps.series, 0.0F);
    std::vector<float> most(gaps.series, 0.0F);
    for (std::size_t cell = 0; cell < gaps.values.size(); ++cell) {
        if (std::isnan(gaps.values[cell])) continue;
        least[cell % gaps.series] = std::min(least[cell % gaps.series], gaps.values[cell]);
        most[cell % gaps.series] = std::max(most[cell % gaps.series], gaps.values[cell]);
    }
    result.cells.reserve(cells.size());
    for (std::int64_t i = 0; i < cells.size(); ++i) {
        const std::int64_t step = cells.cells[i] / gaps.series;
        const std::int64_t one = cells.cells[i] % gaps.series;
        const float half_range = 0.5F * (most[one] - least[one]);
        const float estimate =
            std::clamp(learned.blend.estimate(cells, i), least[one] - half_range, most[one] + half_range);
        const float half_width = learned.intervals.half_width(cells, i, estimate);
        Imputation::Cell cell = {step, one, gaps.restored(estimate, one), gaps.restored(estimate - half_width, one),
                                 gaps.restored(estimate + half_width, one)};
        if (gaps.constant[one] != 0) cell.mean = cell.lower = cell.upper = gaps.restored(0.0F, one);
        if (gaps.nonnegative) {
            cell.mean = std::max(cell.mean, 0.0F);
            cell.lower = std::max(cell.lower, 0.0F);
            cell.upper = std::max(cell.upper, 0.0F);
        }
        result.cells.push_back(cell);
    }
    return result;
}

}  // namespace tensile
