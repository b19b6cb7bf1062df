// See hidden_cells.h.
#include "models/forecast/hidden_cells.h"

#include <algorithm>
#include <cmath>

#include "tensor/random.h"

namespace tensile {

namespace {

constexpr std::uint64_t kShiftStream = 0x61D0;
constexpr std::uint64_t kSeriesStream = 0x61D1;
constexpr std::uint64_t kGapStream = 0x61D2;
constexpr double kMostOfASeries = 0.3;
// The whole pattern of gaps is moved at most so often.
constexpr std::uint64_t kMostMoves = 256;

struct Gap {
    std::int64_t series;
    std::int64_t begin;
    std::int64_t length;
};

std::vector<Gap> inner_gaps(const GapTable& table) {
    std::vector<Gap> gaps;
    for (std::int64_t s = 0; s < table.series; ++s)
        for (std::int64_t t = table.first[s]; t <= table.last[s];) {
            std::int64_t end = t;
            while (std::isnan(table.values[end * table.series + s]))
                ++end;  // ends at last[s], which is observed
            if (end > t) gaps.push_back({s, t, end - t});
            t = end + 1;
        }
    return gaps;
}

}  // namespace

std::vector<std::int64_t> choose_hidden_cells(const GapTable& table, const HiddenCellsSettings& settings) {
    const std::vector<Gap> gaps = inner_gaps(table);
    if (gaps.empty() || table.steps < 3) return {};
    std::int64_t gap_cells = 0;
    for (const Gap& gap : gaps)
        gap_cells += gap.length;
    std::vector<std::int64_t> left(table.series, 0);  // cells that may still be hidden
    std::int64_t observed = 0;
    for (std::int64_t s = 0; s < table.series; ++s) {
        std::int64_t count = 0;
        for (std::int64_t t = 0; t < table.steps; ++t)
            count += std::isnan(table.values[t * table.series + s]) ? 0 : 1;
        left[s] = static_cast<std::int64_t>(kMostOfASeries * static_cast<double>(std::max<std::int64_t>(count - 2, 0)));
        observed += count;
    }
    const double target = std::min(settings.share * static_cast<double>(observed), static_cast<double>(settings.most));
    // Of the gaps of one move only so many are used that several moves are needed, which mixes times and series.
    const double density = static_cast<double>(observed) / static_cast<double>(table.values.size());
    const double share = std::min(1.0, target / (2.0 * density * static_cast<double>(gap_cells)));
    const std::int64_t cycle = table.steps >= 4 * settings.cycle ? settings.cycle : 1;

    std::vector<std::uint8_t> hidden(table.values.size(), 0);
    std::int64_t count = 0;
    for (std::uint64_t move = 0; move < kMostMoves && static_cast<double>(count) < target; ++move) {
        const auto places = static_cast<std::uint32_t>(std::max<std::int64_t>((table.steps - 1) / cycle, 1));
        const std::int64_t shift = cycle * (1 + std::int64_t{random_below(settings.seed, kShiftStream, move, places)});
        // The first moves stay within the series; later ones lend gaps to others, too, as some may have few of their
        // own.
        const std::int64_t turn =
            move < 4 ? 0 : random_below(settings.seed, kSeriesStream, move, static_cast<std::uint32_t>(table.series));
        for (const Gap& gap : gaps) {
            // Gaps that begin and end together are used together: when a station fails, all that it measures is
            // missing.
            const auto kind = static_cast<std::uint64_t>(gap.begin * table.steps + gap.length);
            if (random_uniform(settings.seed, kGapStream + (move << 16), kind) >= share) continue;
            const std::int64_t s = (gap.series + turn) % table.series;
            const std::int64_t begin = (gap.begin + shift) % table.steps;
            const std::int64_t end = std::min(begin + gap.length, table.last[s]);
            for (std::int64_t t = std::max(begin, table.first[s] + 1); t < end && left[s] > 0; ++t) {
                const std::int64_t cell = t * table.series + s;
                if (hidden[cell] != 0 || std::isnan(table.values[cell])) continue;
                hidden[cell] = 1;
                --left[s];
                ++count;
            }
        }
    }
    std::vector<std::int64_t> cells;
    cells.reserve(count);
    for (std::size_t cell = 0; cell < hidden.size(); ++cell)
        if (hidden[cell] != 0) cells.push_back(static_cast<std::int64_t>(cell));
    return cells;
}

}  // namespace tensile
