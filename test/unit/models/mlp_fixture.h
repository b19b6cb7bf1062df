// What tests of method mlp share: training and predicting with the reference interpreter, and tables to learn from.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/model_family.h"
#include "sample_table.h"
#include "support/interpreted_job.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile::testing {

inline std::unique_ptr<Training> start(const SampleTable& table, std::vector<std::string> targets,
                                       std::string options) {
    auto training = family_named("mlp").train({"test", std::move(options), std::move(targets), table.descriptions()});
    training->append_rows(table.rows());
    training->finish_rows();
    return training;
}

inline std::map<std::string, double> metrics_by_name(const std::vector<TaskMetric>& metrics) {
    std::map<std::string, double> result;
    for (const TaskMetric& metric : metrics)
        result[metric.task + "." + metric.name] = metric.value;
    return result;
}

inline PredictionColumns predict(const Predictor& predictor, const std::map<std::string, HostTensor>& variables,
                                 const SampleTable& table) {
    PredictionColumns columns;
    columns.keep_distributions = true;
    const std::vector<int> positions = predictor.bind_columns(table.descriptions());
    constexpr std::int64_t kCapacity = 64;
    const Program program = predictor.program(kCapacity);
    for (std::int64_t begin = 0; begin < table.count(); begin += kCapacity) {
        const std::int64_t end = std::min(table.count(), begin + kCapacity);
        interpret(
            program, variables, end - begin,
            [&](std::span<const TensorView> inputs) { predictor.encode(table.rows(), positions, begin, end, inputs); },
            [&](std::span<const TensorView> outputs) { predictor.decode(outputs, end - begin, columns); });
    }
    return columns;
}

// y = 3 a - 2 b + 7; above: whether y > 7.
inline SampleTable linear_table(int rows) {
    std::vector<float> a;
    std::vector<float> b;
    std::vector<double> y;
    std::vector<std::uint8_t> above;
    for (int row = 0; row < rows; ++row) {
        a.push_back(static_cast<float>(random_normal(1, 0, static_cast<std::uint64_t>(row))));
        b.push_back(static_cast<float>(100 + 50 * random_normal(1, 1, static_cast<std::uint64_t>(row))));
        y.push_back(3 * static_cast<double>(a.back()) - 2 * (static_cast<double>(b.back()) - 100) / 50 + 7);
        above.push_back(y.back() > 7 ? 1 : 0);
    }
    SampleTable table;
    table.add("a", a);
    table.add("b", b);
    table.add("y", y);
    table.add_bool("above", above);
    return table;
}

// Every kind of column and target, with missing values in all of them.
inline SampleTable mixed_table(int rows) {
    std::vector<float> x;
    std::vector<std::string> color;
    std::vector<std::uint8_t> flag;
    std::vector<std::int64_t> time;
    std::vector<float> vector;
    std::vector<double> number;
    std::vector<std::string> shape;
    std::vector<std::uint8_t> good;
    SampleTable::Nulls x_nulls;
    SampleTable::Nulls number_nulls;
    SampleTable::Nulls shape_nulls;
    constexpr const char* kColors[] = {"red", "green", "blue", "black"};
    constexpr const char* kShapes[] = {"circle", "square", "triangle"};
    for (int i = 0; i < rows; ++i) {
        const auto row = static_cast<std::uint64_t>(i);
        const std::uint32_t kind = random_below(8, 0, row, 4);
        x.push_back(static_cast<float>(random_normal(8, 1, row)));
        color.emplace_back(kColors[kind]);
        flag.push_back(static_cast<std::uint8_t>(random_below(8, 2, row, 2)));
        time.push_back(static_cast<std::int64_t>(random_below(8, 3, row, 365)) * 86'400'000'000);
        vector.push_back(static_cast<float>(random_normal(8, 4, row)));
        vector.push_back(static_cast<float>(random_normal(8, 5, row)));
        number.push_back(10 * static_cast<double>(kind) + static_cast<double>(vector[vector.size() - 2]));
        shape.emplace_back(kShapes[kind % 3]);
        good.push_back(flag.back());
        x_nulls.push_back(i % 11 == 0 ? 1 : 0);
        number_nulls.push_back(i % 2 == 0 ? 1 : 0);
        shape_nulls.push_back(i % 3 == 0 ? 1 : 0);
    }
    SampleTable table;
    table.add("x", x, x_nulls);
    table.add_text("color", color);
    table.add_bool("flag", flag);
    table.add_time("time", time);
    table.add("vector", vector, {}, 2);
    table.add("number", number, number_nulls);
    table.add_text("shape", shape, shape_nulls);
    table.add_bool("good", good);
    return table;
}

inline const std::vector<std::string> kMixedTargets = {"number", "shape", "good"};

}  // namespace tensile::testing
