// Quality of the estimates of missing cells (impute_missing) on the public tables that the transdim notebooks use, and
// on Beijing's air: root mean square error over hidden cells, coverage of 90 % intervals, seconds on one thread.
//
// Usage: imputation_quality FOLDER [set ...]     (sets: hangzhou nyc beijing many; all of them when none is named)
// FOLDER holds hangzhou-metro/hangzhou_80x2700.csv, nyc-taxi/nyc_taxi_30x30x1464.csv and beijing-prsa/PRSA_*.csv,
// as bench/run_forecast unpacks them.
//
// Hangzhou and taxi cells are hidden at random, or by whole days of a series ("days"); as in the notebooks, cells that
// are zero count as missing for every method and are not judged. Published peers: BGCP, BTTF and LRTC-TNN as run there.
// For Beijing, which has gaps of its own, further cells are hidden: at random, and in gaps as long as its own; errors
// are in standard deviations of a series, beside those of linear interpolation.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "series_data.h"

#include "models/forecast/gap_table.h"
#include "models/forecast/imputation.h"
#include "tensor/random.h"

namespace {

using namespace tensile;

using bench::kMissing;
using bench::table_of;

constexpr std::uint64_t kSeeds = 3;
constexpr double kLevel = 0.9;

struct Result {
    double rmse = 0.0;
    double interpolation = 0.0;
    double mape = 0.0;
    double coverage = 0.0;
    double seconds = 0.0;
    double judged = 0.0;
    double ends =
        0.0;  // judged cells before the first or after the last observed one: not estimated, not in the errors
};

// Hides the cells of `hidden` from `full` and compares with `truth`; errors over `unit` of the series.
Result judge(const SeriesTable& full, const SeriesTable& truth, const std::vector<std::uint8_t>& hidden,
             std::int64_t season, std::uint64_t seed, const std::vector<double>& unit) {
    SeriesTable table = full;
    for (std::size_t cell = 0; cell < table.values.size(); ++cell)
        if (hidden[cell] != 0) table.values[cell] = kMissing;
    const auto start = std::chrono::steady_clock::now();
    const Imputation imputation = impute_missing(table, {.season = season, .seed = seed}, kLevel, nullptr);
    Result result;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const GapTable standard = standardize(table);
    const std::vector<float> linear = interpolate(standard);
    const std::int64_t series = truth.series();
    for (std::size_t cell = 0; cell < hidden.size(); ++cell)
        result.ends += hidden[cell] != 0 && !std::isnan(truth.values[cell]) ? 1.0 : 0.0;
    for (const Imputation::Cell& cell : imputation.cells) {
        const std::int64_t at = cell.step * series + cell.series;
        const double value = truth.values[at];
        if (hidden[at] == 0 || std::isnan(value)) continue;
        const double error = (cell.mean - value) / unit[cell.series];
        const double plain = (standard.restored(linear[at], cell.series) - value) / unit[cell.series];
        result.rmse += error * error;
        result.interpolation += plain * plain;
        if (value != 0.0) result.mape += std::abs(cell.mean - value) / std::abs(value);
        result.coverage += value >= cell.lower && value <= cell.upper ? 1.0 : 0.0;
        result.judged += 1.0;
    }
    result.ends -= result.judged;
    result.rmse = std::sqrt(result.rmse / result.judged);
    result.interpolation = std::sqrt(result.interpolation / result.judged);
    result.mape /= result.judged;
    result.coverage /= result.judged;
    return result;
}

// One line: the mean over seeds; `hide(seed)` says which cells.
template <typename Hide>
void report(const char* name, const SeriesTable& full, const SeriesTable& truth, std::int64_t season,
            const std::vector<double>& unit, Hide hide, const char* peers) {
    Result mean;
    double least = std::numeric_limits<double>::infinity();
    double most = 0.0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Result one = judge(full, truth, hide(seed), season, seed, unit);
        mean.rmse += one.rmse / kSeeds;
        mean.interpolation += one.interpolation / kSeeds;
        mean.mape += one.mape / kSeeds;
        mean.coverage += one.coverage / kSeeds;
        mean.seconds += one.seconds / kSeeds;
        mean.ends += one.ends / kSeeds;
        least = std::min(least, one.rmse);
        most = std::max(most, one.rmse);
    }
    std::printf("%-22s %8.3f %8.3f-%-8.3f %10.3f %6.3f %8.1f%% %7.1f %8.0f  %s\n", name, mean.rmse, least, most,
                mean.interpolation, mean.mape, 100.0 * mean.coverage, mean.seconds, mean.ends, peers);
    std::fflush(stdout);
}

constexpr std::uint64_t kHideStream = 0x4D15;

std::vector<std::uint8_t> at_random(const SeriesTable& table, double share, std::uint64_t seed) {
    std::vector<std::uint8_t> hidden(table.values.size());
    for (std::size_t cell = 0; cell < hidden.size(); ++cell)
        hidden[cell] = random_uniform(seed, kHideStream, cell) < share ? 1 : 0;
    return hidden;
}

std::vector<std::uint8_t> whole_days(const SeriesTable& table, std::int64_t season, double share, std::uint64_t seed) {
    std::vector<std::uint8_t> hidden(table.values.size());
    const std::int64_t series = table.series();
    for (std::size_t cell = 0; cell < hidden.size(); ++cell) {
        const auto place = static_cast<std::int64_t>(cell);
        const std::int64_t day = place / series / season * series + place % series;
        hidden[cell] = random_uniform(seed, kHideStream, day) < share ? 1 : 0;
    }
    return hidden;
}

// The table's own gaps, all moved by as many steps; about `share` of the cells when they are that many.
std::vector<std::uint8_t> moved_gaps(const SeriesTable& table, double share, std::uint64_t seed) {
    std::vector<std::uint8_t> hidden(table.values.size(), 0);
    const std::int64_t series = table.series();
    double count = 0.0;
    for (std::uint64_t move = 0; move < 16 && count < share * static_cast<double>(hidden.size()); ++move) {
        const std::int64_t shift =
            1 + random_below(seed, kHideStream, move, static_cast<std::uint32_t>(table.steps - 1));
        for (std::int64_t t = 0; t < table.steps; ++t)
            for (std::int64_t s = 0; s < series; ++s) {
                const std::int64_t cell = (t + shift) % table.steps * series + s;
                if (!std::isnan(table.at(t)[s]) || std::isnan(table.values[cell]) || hidden[cell] != 0) continue;
                hidden[cell] = 1;
                count += 1.0;
            }
    }
    return hidden;
}

void transdim(const char* set, SeriesTable table, std::int64_t season,
              const std::map<std::string, const char*>& peers) {
    std::replace(table.values.begin(), table.values.end(), 0.0F, kMissing);
    const std::vector<double> unit(table.series(), 1.0);
    const auto peer = [&](const std::string& name) { return peers.contains(name) ? peers.at(name) : ""; };
    for (const int percent : {30, 40, 50, 60, 70}) {
        const std::string task = std::to_string(percent) + "% random";
        report((std::string(set) + " " + task).c_str(), table, table, season, unit,
               [&](std::uint64_t seed) { return at_random(table, percent / 100.0, seed); }, peer(task));
    }
    report((std::string(set) + " 40% days").c_str(), table, table, season, unit,
           [&](std::uint64_t seed) { return whole_days(table, season, 0.4, seed); }, peer("40% days"));
}

// Taxi counts of zero as what they are, for comparison: known values that are hidden like the others, not judged.
void taxi_with_zeros(const SeriesTable& table) {
    SeriesTable judged = table;
    std::replace(judged.values.begin(), judged.values.end(), 0.0F, kMissing);
    report(
        "nyc 40% zeros known", table, judged, 24, std::vector<double>(table.series(), 1.0),
        [&](std::uint64_t seed) { return at_random(table, 0.4, seed); }, "");
}

// Many series: a daily cycle of common shapes, noise, 10 % of the cells missing.
SeriesTable many_series() {
    constexpr std::int64_t kSeries = 10'000;
    SeriesTable table = table_of(kSeries, bench::kHour);
    table.steps = 1'000;
    table.values.resize(table.steps * kSeries);
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < kSeries; ++s) {
            const double phase = 2.0 * 3.14159265358979 * static_cast<double>(t % 24) / 24.0;
            const double level = random_normal(1, 1, s);
            table.values[t * kSeries + s] =
                static_cast<float>(level + std::sin(phase + level) + random_normal(1, 2, t) * random_normal(1, 3, s) +
                                   0.3 * random_normal(1, 4, t * kSeries + s));
        }
    return table;
}

void beijing(const SeriesTable& table) {
    const std::vector<double> unit = standardize(table).scale;
    report(
        "beijing 10% random", table, table, 24, unit, [&](std::uint64_t seed) { return at_random(table, 0.1, seed); },
        "");
    report(
        "beijing 10% own gaps", table, table, 24, unit,
        [&](std::uint64_t seed) { return moved_gaps(table, 0.1, seed); }, "");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: imputation_quality FOLDER [hangzhou] [nyc] [beijing] [many]\n");
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    const std::vector<std::string> wanted(argv + 2, argv + argc);
    const auto wants = [&](const char* set) {
        return wanted.empty() || std::find(wanted.begin(), wanted.end(), set) != wanted.end();
    };
    std::printf("%-22s %8s %17s %10s %6s %9s %7s %8s  %s\n", "task", "RMSE", "least-most", "linear", "MAPE",
                "90% holds", "seconds", "at ends", "published RMSE");
    if (wants("hangzhou"))
        transdim("hangzhou",
                 bench::read_wide(folder / "hangzhou-metro/hangzhou_80x2700.csv", {.step = bench::kHour / 6}), 108,
                 {{"30% random", "LRTC-TNN 24.9"},
                  {"40% random", "BGCP 33.7"},
                  {"50% random", "LRTC-TNN 29.5"},
                  {"60% random", "BGCP 37.7"},
                  {"70% random", "LRTC-TNN 38.1"}});
    if (wants("nyc")) {
        const SeriesTable table = bench::read_wide(folder / "nyc-taxi/nyc_taxi_30x30x1464.csv", {});
        transdim("nyc", table, 24,
                 {{"40% random", "BGCP 4.84, BTTF 4.85"}, {"60% random", "BTTF 5.08"}, {"40% days", "BTTF 5.05"}});
        taxi_with_zeros(table);
    }
    if (wants("beijing")) beijing(bench::read_beijing(folder / "beijing-prsa"));
    if (wants("many")) {
        const SeriesTable table = many_series();
        report(
            "10,000 series x 1,000", table, table, 24, standardize(table).scale,
            [&](std::uint64_t seed) { return at_random(table, 0.1, seed); }, "");
    }
    return 0;
}
