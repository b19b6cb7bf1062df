// Training of method mlp from rows to predictions, with the reference interpreter in place of a device.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "models/model_family.h"
#include "sample_table.h"
#include "support/interpreted_job.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using testing::InterpretedJob;
using testing::SampleTable;

std::unique_ptr<Training> start(const SampleTable& table, std::vector<std::string> targets, std::string options) {
    auto training = family_named("mlp").train({"test", std::move(options), std::move(targets), table.descriptions()});
    training->append_rows(table.rows());
    training->finish_rows();
    return training;
}

std::map<std::string, double> metrics_by_name(const std::vector<TaskMetric>& metrics) {
    std::map<std::string, double> result;
    for (const TaskMetric& metric : metrics)
        result[metric.task + "." + metric.name] = metric.value;
    return result;
}

PredictionColumns predict(const Predictor& predictor, const std::map<std::string, HostTensor>& variables,
                          const SampleTable& table) {
    PredictionColumns columns;
    columns.keep_distributions = true;
    const std::vector<int> positions = predictor.bind_columns(table.descriptions());
    constexpr std::int64_t kCapacity = 64;
    const Program program = predictor.program(kCapacity);
    for (std::int64_t begin = 0; begin < table.count(); begin += kCapacity) {
        const std::int64_t end = std::min(table.count(), begin + kCapacity);
        testing::interpret(
            program, variables, end - begin,
            [&](std::span<const TensorView> inputs) { predictor.encode(table.rows(), positions, begin, end, inputs); },
            [&](std::span<const TensorView> outputs) { predictor.decode(outputs, end - begin, columns); });
    }
    return columns;
}

// y = 3 a - 2 b + 7; above: whether y > 7.
SampleTable linear_table(int rows) {
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

TEST(MlpTraining, LearnsARegressionAndABinaryTargetAtOnce) {
    const SampleTable table = linear_table(600);
    const auto training = start(
        table, {"y", "above"}, R"({"hidden": [16], "epochs": 15, "batch_size": 32, "learning_rate": 0.01, "seed": 3})");
    InterpretedJob job(training->job());
    job.run();
    auto metrics = metrics_by_name(training->metrics());
    EXPECT_GT(metrics.at("y.r2"), 0.98);
    EXPECT_LT(metrics.at("y.rmse"), 0.5);
    EXPECT_GT(metrics.at("above.auc"), 0.99);
    EXPECT_GT(metrics.at("above.accuracy"), 0.93);
    EXPECT_EQ(training->row_counts().used, 600);
    EXPECT_EQ(training->progress().epoch, 15);
}

TEST(MlpTraining, AStoredModelPredictsWhatTheTrainedOneDid) {
    const SampleTable table = linear_table(200);
    const auto training = start(table, {"y", "above"}, R"({"hidden": [8], "epochs": 3, "validation": 0.3})");
    InterpretedJob job(training->job());
    job.run();
    const auto predictor = family_named("mlp").load(training->manifest());
    const PredictionColumns predictions = predict(*predictor, job.variables(), table);

    ASSERT_EQ(predictor->outputs().size(), 2U);
    EXPECT_EQ(predictor->outputs()[0].type_name, "double precision");
    EXPECT_EQ(predictor->outputs()[1].kind, "binary");
    EXPECT_EQ(predictor->labels(1)[1], "true");
    ASSERT_EQ(predictions.values[0].size(), 200U);

    // The metrics of the validation rows come out again when those rows are judged through the stored model.
    std::vector<double> y;
    std::vector<double> predicted;
    for (std::size_t row = 0; row < 200; ++row) {
        if (random_uniform(0, 1, row) >= 0.3) continue;
        const RawRows rows = table.rows();
        y.push_back(rows.columns[2].as<double>()[row]);
        predicted.push_back(predictions.values[0][row]);
    }
    double squares = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
        squares += (y[i] - predicted[i]) * (y[i] - predicted[i]);
    EXPECT_NEAR(std::sqrt(squares / static_cast<double>(y.size())), metrics_by_name(training->metrics()).at("y.rmse"),
                1e-5);
}

}  // namespace
}  // namespace tensile
