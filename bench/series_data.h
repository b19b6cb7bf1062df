// What the benchmarks of forecasting share: reading the public tables that bench/run_forecast unpacks, cutting them
// into spans of time, and normalising by a training part. Knows the files' layout, neither methods nor what is
// measured.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "models/series/series_table.h"
#include "tensor/error.h"

namespace tensile::bench {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::int64_t kMinute = 60'000'000;
inline constexpr std::int64_t kHour = 60 * kMinute;

using CsvRows = std::vector<std::vector<std::string>>;

// All lines of a file, that of the names included, divided at every comma; quotes are dropped. Throws Error 58030.
inline CsvRows read_csv(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw Error(sqlstate::kIoError, "could not read \"" + path.string() + "\"");
    CsvRows rows;
    for (std::string line; std::getline(file, line);) {
        std::erase_if(line, [](char c) { return c == '"' || c == '\r'; });
        std::vector<std::string>& fields = rows.emplace_back();
        for (std::size_t begin = 0; begin <= line.size();) {
            const std::size_t end = std::min(line.find(',', begin), line.size());
            fields.push_back(line.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return rows;
}

// NaN where there is none (an empty field, "NA").
inline float number(const std::string& text) {
    char* end = nullptr;
    const float value = std::strtof(text.c_str(), &end);
    return end == text.c_str() ? kMissing : value;
}

// A table of one mode without values yet.
inline SeriesTable table_of(std::int64_t series, std::int64_t step_microseconds) {
    SeriesTable table;
    table.axis.step.microseconds = step_microseconds;
    table.modes.push_back({"series", {}});
    for (std::int64_t one = 0; one < series; ++one) {
        table.modes[0].keys.push_back(std::to_string(one));
        table.keys.push_back(static_cast<std::int32_t>(one));
    }
    return table;
}

// A file with a row a step and a column a series.
struct WideFile {
    bool names = true;  // in the first row
    bool index = true;  // in the first column
    std::int64_t step = kHour;
    std::int64_t most_steps = std::numeric_limits<std::int64_t>::max();
};

inline SeriesTable read_wide(const std::filesystem::path& path, const WideFile& file) {
    const CsvRows rows = read_csv(path);
    const std::size_t first_row = file.names ? 1 : 0;
    const std::size_t first_column = file.index ? 1 : 0;
    if (rows.size() <= first_row) throw Error(sqlstate::kIoError, "no values in \"" + path.string() + "\"");
    const std::size_t width = rows[first_row].size();
    SeriesTable table = table_of(static_cast<std::int64_t>(width - first_column), file.step);
    table.steps = std::min(static_cast<std::int64_t>(rows.size() - first_row), file.most_steps);
    for (std::size_t row = first_row; row < first_row + static_cast<std::size_t>(table.steps); ++row) {
        if (rows[row].size() != width) throw Error(sqlstate::kIoError, "ragged rows in \"" + path.string() + "\"");
        for (std::size_t column = first_column; column < width; ++column)
            table.values.push_back(number(rows[row][column]));
    }
    return table;
}

// UCI 501: twelve stations in a file each, six pollutants, hourly, with gaps. Stations in the order of their names.
inline SeriesTable read_beijing(const std::filesystem::path& folder) {
    constexpr std::size_t kFirstPollutant = 5;
    constexpr std::size_t kPollutants = 6;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".csv") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    const std::size_t series = paths.size() * kPollutants;
    SeriesTable table = table_of(static_cast<std::int64_t>(series), kHour);
    for (std::size_t station = 0; station < paths.size(); ++station) {
        const CsvRows rows = read_csv(paths[station]);
        table.steps = std::max(table.steps, static_cast<std::int64_t>(rows.size()) - 1);
        table.values.resize(static_cast<std::size_t>(table.steps) * series, kMissing);
        for (std::size_t step = 0; step + 1 < rows.size(); ++step)
            for (std::size_t j = 0; j < kPollutants; ++j)
                table.values[step * series + station * kPollutants + j] =
                    number(rows[step + 1].at(kFirstPollutant + j));
    }
    return table;
}

// Steps [begin, end) of a table without covariates.
inline SeriesTable span_of(const SeriesTable& table, std::int64_t begin, std::int64_t end) {
    SeriesTable part = table;
    part.axis.start = table.axis.start + begin * table.axis.step.microseconds;
    part.steps = end - begin;
    part.values.assign(table.at(begin), table.at(begin) + part.steps * table.series());
    return part;
}

// Every series less the mean of its first `learned` steps, over their deviation; gaps stay.
inline void normalise(SeriesTable& table, std::int64_t learned) {
    const std::int64_t series = table.series();
    for (std::int64_t one = 0; one < series; ++one) {
        double count = 0;
        double sum = 0;
        double squares = 0;
        for (std::int64_t step = 0; step < learned; ++step)
            if (const double value = table.at(step)[one]; !std::isnan(value)) {
                count += 1;
                sum += value;
                squares += value * value;
            }
        const double mean = sum / count;
        const double deviation = std::sqrt(squares / count - mean * mean);
        for (std::int64_t step = 0; step < table.steps; ++step) {
            float& value = table.values[static_cast<std::size_t>(step * series + one)];
            value = static_cast<float>((value - mean) / deviation);
        }
    }
}

}  // namespace tensile::bench
