// See gap_candidates.h.
#include "models/forecast/gap_candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "models/forecast/factor_analysis.h"
#include "models/forecast/tensor_completion.h"
#include "models/stop.h"

namespace tensile {

namespace {

constexpr std::int64_t kLongestFold = 144;
constexpr std::int64_t kFoldWithoutSeason = 16;
constexpr std::int64_t kFewestCycles = 3;
constexpr std::int64_t kMostStepFactors = 20;
constexpr std::int64_t kMostProfileFactors = 8;
// The tensor is completed in blocks of at most so many series and cycles, because the work grows with their squares.
constexpr std::int64_t kBlockSeries = 96;
constexpr std::int64_t kBlockCycles = 96;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// The mean of each time of the cycle, of each series, drawn towards the series' mean (0).
std::vector<float> seasonal_means(const GapTable& table, std::int64_t season) {
    const std::int64_t series = table.series;
    std::vector<double> sum(season * series, 0.0);
    std::vector<std::int64_t> count(season * series, 0);
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s) {
            const float value = table.values[t * series + s];
            if (std::isnan(value)) continue;
            sum[t % season * series + s] += value;
            ++count[t % season * series + s];
        }
    std::vector<float> result(table.values.size());
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s) {
            const std::int64_t at = t % season * series + s;
            result[t * series + s] = static_cast<float>(sum[at] / static_cast<double>(count[at] + 1));
        }
    return result;
}

// Errors of `base` at the observed cells, each series scaled to unit size; the sizes go to `size`.
std::vector<float> scaled_errors(const GapTable& table, std::span<const float> base, std::vector<float>& size) {
    const std::int64_t series = table.series;
    std::vector<float> errors(table.values.size());
    std::vector<double> square(series, 0.0);
    std::vector<std::int64_t> count(series, 0);
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s) {
            const float error = table.values[t * series + s] - base[t * series + s];
            errors[t * series + s] = error;
            if (std::isnan(error)) continue;
            square[s] += double{error} * error;
            ++count[s];
        }
    size.assign(series, 1.0F);
    for (std::int64_t s = 0; s < series; ++s)
        if (square[s] > 0.0) size[s] = static_cast<float>(std::sqrt(square[s] / static_cast<double>(count[s])));
    for (std::size_t cell = 0; cell < errors.size(); ++cell)
        errors[cell] /= size[cell % series];
    return errors;
}

// base + a factor model of its errors with one row a step: what the series have in common at a moment.
std::vector<float> with_step_factors(const GapTable& table, std::span<const float> base, std::int64_t rank,
                                     const GapCandidateSettings& settings, const std::atomic<bool>* stop) {
    std::vector<float> size;
    std::vector<float> errors = scaled_errors(table, base, size);
    estimate_by_factors(errors, table.steps, table.series,
                        {.rank = rank, .seed = settings.seed, .most_work = settings.most_work}, stop);
    for (std::size_t cell = 0; cell < errors.size(); ++cell)
        errors[cell] = base[cell] + errors[cell] * size[cell % table.series];
    return errors;
}

// Calls visit(cell of the table, row, column) for all cells of the table folded into rows of `fold` steps of one
// series.
template <typename Visit>
void for_each_folded(const GapTable& table, std::int64_t fold, Visit visit) {
    const std::int64_t cycles = (table.steps + fold - 1) / fold;
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < table.series; ++s)
            visit(t * table.series + s, s * cycles + t / fold, t % fold);
}

// base + a factor model of its errors with one row a series and cycle: the shapes that a cycle can have.
std::vector<float> with_profile_factors(const GapTable& table, std::span<const float> base, std::int64_t fold,
                                        const GapCandidateSettings& settings, const std::atomic<bool>* stop) {
    std::vector<float> size;
    std::vector<float> errors = scaled_errors(table, base, size);
    const std::int64_t rows = table.series * ((table.steps + fold - 1) / fold);
    std::vector<float> folded(rows * fold, kMissing);
    for_each_folded(table, fold, [&](std::int64_t cell, std::int64_t row, std::int64_t column) {
        folded[row * fold + column] = errors[cell];
    });
    const std::int64_t rank = std::clamp<std::int64_t>(rows / 4, 1, std::min(kMostProfileFactors, fold / 2));
    estimate_by_factors(folded, rows, fold, {.rank = rank, .seed = settings.seed, .most_work = settings.most_work},
                        stop);
    for_each_folded(table, fold, [&](std::int64_t cell, std::int64_t row, std::int64_t column) {
        errors[cell] = base[cell] + folded[row * fold + column] * size[cell % table.series];
    });
    return errors;
}

struct Block {
    std::int64_t first_series;
    std::int64_t series;
    std::int64_t first_cycle;
    std::int64_t cycles;
};

// Spans of at most `longest` and nearly equal length.
std::vector<std::pair<std::int64_t, std::int64_t>> even_spans(std::int64_t count, std::int64_t longest) {
    const std::int64_t spans = (count + longest - 1) / longest;
    std::vector<std::pair<std::int64_t, std::int64_t>> result;
    for (std::int64_t i = 0; i < spans; ++i) {
        const std::int64_t begin = count * i / spans;
        result.emplace_back(begin, count * (i + 1) / spans - begin);
    }
    return result;
}

std::vector<Block> tensor_blocks(const GapTable& table, std::int64_t fold) {
    std::vector<Block> result;
    for (const auto& [series, series_count] : even_spans(table.series, kBlockSeries))
        for (const auto& [cycle, cycle_count] : even_spans((table.steps + fold - 1) / fold, kBlockCycles))
            result.push_back({series, series_count, cycle, cycle_count});
    return result;
}

double tensor_work(const std::vector<Block>& blocks, std::int64_t fold) {
    double work = 0.0;
    for (const Block& block : blocks)
        work += tensor_completion_work({block.series, block.cycles, fold}, {});
    return work;
}

// The table folded as (series, cycle, time of cycle), completed block by block, each series weighted by `weight`.
std::vector<float> completed(const GapTable& table, std::int64_t fold, std::span<const float> weight,
                             const std::atomic<bool>* stop) {
    std::vector<float> result(table.values.size());
    std::vector<float> tensor;
    for (const Block& block : tensor_blocks(table, fold)) {
        tensor.assign(block.series * block.cycles * fold, kMissing);
        const auto for_each_cell = [&](auto visit) {
            const std::int64_t begin = block.first_cycle * fold;
            const std::int64_t end = std::min(table.steps, begin + block.cycles * fold);
            for (std::int64_t t = begin; t < end; ++t)
                for (std::int64_t s = 0; s < block.series; ++s)
                    visit(t * table.series + block.first_series + s, s * block.cycles * fold + t - begin,
                          weight[block.first_series + s]);
        };
        for_each_cell(
            [&](std::int64_t cell, std::int64_t at, float factor) { tensor[at] = table.values[cell] * factor; });
        complete_tensor(tensor, {block.series, block.cycles, fold}, {}, stop);
        for_each_cell([&](std::int64_t cell, std::int64_t at, float factor) { result[cell] = tensor[at] / factor; });
    }
    return result;
}

// Weights that lie between series of unit size and series in their unit, as suits counts, whose noise grows with the
// root of their size; empty when that would change little.
std::vector<float> root_weights(const GapTable& table) {
    constexpr double kMostSpread = 1e6;  // beyond, series hardly share a unit
    constexpr double kLeastSpread = 2.0;
    double least = std::numeric_limits<double>::infinity();
    double most = 0.0;
    for (std::int64_t s = 0; s < table.series; ++s) {
        if (table.constant[s] != 0) continue;
        least = std::min(least, table.scale[s]);
        most = std::max(most, table.scale[s]);
    }
    if (!(most >= kLeastSpread * least && most <= kMostSpread * least)) return {};
    std::vector<float> result(table.series, 1.0F);
    for (std::int64_t s = 0; s < table.series; ++s)
        if (table.constant[s] == 0) result[s] = static_cast<float>(std::sqrt(table.scale[s] / least));
    return result;
}

}  // namespace

std::int64_t fold_length(std::int64_t steps, std::int64_t season) {
    if (season >= 4 && season <= kLongestFold && steps >= kFewestCycles * season) return season;
    if (season > kLongestFold)
        for (std::int64_t part = kLongestFold; part >= kFoldWithoutSeason; --part)
            if (season % part == 0 && steps >= kFewestCycles * part) return part;
    return steps >= kFewestCycles * kFoldWithoutSeason ? kFoldWithoutSeason : 0;
}

void for_each_gap_candidate(const GapTable& table, const GapCandidateSettings& settings, const TakeCandidate& take,
                            const std::atomic<bool>* stop) {
    int candidate = 0;
    const auto offer = [&](std::span<const float> estimate) {
        throw_if_stopped(stop);
        take(candidate++, estimate);
    };
    offer(interpolate(table));

    const std::vector<float> means(table.values.size(), 0.0F);
    std::vector<float> base = means;
    if (settings.season >= 2 && table.steps >= kFewestCycles * settings.season)
        base = seasonal_means(table, settings.season);
    offer(base);

    const std::int64_t fold = fold_length(table.steps, settings.season);
    const std::int64_t step_rank = std::min({kMostStepFactors, (table.series + 2) / 3, table.steps / 8});
    const bool by_step = table.series >= 2 && step_rank >= 1;
    if (fold > 0) {
        const std::vector<float> profiles = with_profile_factors(table, base, fold, settings, stop);
        offer(profiles);
        if (by_step) offer(with_step_factors(table, profiles, (step_rank + 1) / 2, settings, stop));
    }
    if (by_step) {
        const std::vector<float> steps = with_step_factors(table, means, step_rank, settings, stop);
        offer(steps);
        if (fold > 0) offer(with_profile_factors(table, steps, fold, settings, stop));
    }
    if (fold > 0 && tensor_work(tensor_blocks(table, fold), fold) <= 2.5 * settings.most_work) {
        offer(completed(table, fold, std::vector<float>(table.series, 1.0F), stop));
        const std::vector<float> weights = root_weights(table);
        if (!weights.empty()) offer(completed(table, fold, weights, stop));
    }
}

}  // namespace tensile
