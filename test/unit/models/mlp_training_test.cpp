// Training of method mlp from rows to predictions, with the reference interpreter in place of a device.
#include <gtest/gtest.h>

#include "mlp_fixture.h"

namespace tensile {
namespace {

using namespace testing;

TEST(MlpTraining, LearnsARegressionAndABinaryTargetAtOnce) {
    const SampleTable table = linear_table(600);
    const auto training =
        start(table, {"y", "above"},
              R"({"hidden": [16], "epochs": 15, "batch_size": 32, "learning_rate": 0.01, "dropout": 0})");
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

TEST(MlpTraining, LearnsWhatNoLinearModelCan) {
    std::vector<float> a;
    std::vector<float> b;
    std::vector<std::string> differ;
    for (std::uint64_t row = 0; row < 400; ++row) {
        a.push_back(static_cast<float>(random_below(2, 0, row, 2)));
        b.push_back(static_cast<float>(random_below(2, 1, row, 2)));
        differ.emplace_back(a.back() != b.back() ? "yes" : "no");
    }
    SampleTable table;
    table.add("a", a);
    table.add("b", b);
    table.add_text("differ", differ);
    const auto accuracy = [&](const char* options) {
        const auto training = start(table, {"differ"}, options);
        InterpretedJob job(training->job());
        job.run();
        return metrics_by_name(training->metrics()).at("differ.accuracy");
    };
    EXPECT_EQ(accuracy(R"({"hidden": [16], "epochs": 30, "batch_size": 32, "learning_rate": 0.02, "dropout": 0})"),
              1.0);
    EXPECT_LT(accuracy(R"({"hidden": [], "epochs": 30, "batch_size": 32, "learning_rate": 0.02, "dropout": 0})"), 0.8);
}

TEST(MlpTraining, AMissingTargetDoesNotStopTheOthers) {
    const SampleTable table = mixed_table(600);
    const auto training =
        start(table, kMixedTargets,
              R"({"hidden": [24], "epochs": 25, "batch_size": 32, "learning_rate": 0.01, "dropout": 0})");
    InterpretedJob job(training->job());
    job.run();
    auto metrics = metrics_by_name(training->metrics());
    EXPECT_GT(metrics.at("number.r2"), 0.98);
    EXPECT_EQ(metrics.at("shape.accuracy"), 1.0);
    EXPECT_EQ(metrics.at("good.accuracy"), 1.0);

    // evaluate() counts only the rows where a target is known.
    const auto predictor = family_named("mlp").load(training->manifest());
    const PredictionColumns predictions = predict(*predictor, job.variables(), table);
    RowCounts counts;
    auto evaluated = metrics_by_name(predictor->evaluate(predictions, table.rows(), table.descriptions(), counts));
    EXPECT_EQ(counts.read, 600);
    EXPECT_EQ(counts.used, 600);
    EXPECT_EQ(evaluated.at("shape.accuracy"), 1.0);
    EXPECT_LT(evaluated.at("shape.log_loss"), 0.1);
    EXPECT_GT(evaluated.at("number.r2"), 0.98);
    EXPECT_EQ(predictor->outputs()[1].kind, "multiclass");
    EXPECT_EQ(predictor->labels(1)[2], "triangle");
}

TEST(MlpTraining, RowsWithoutAnyTargetAreDiscarded) {
    SampleTable table;
    table.add("x", std::vector<float>{1, 2, 3, 4, 5});
    table.add("y", std::vector<float>{1, 2, 3, std::numeric_limits<float>::quiet_NaN(), 5}, {0, 1, 0, 0, 0});
    const auto training = start(table, {"y"}, R"({"validation": 0})");
    EXPECT_EQ(training->row_counts().read, 5);
    EXPECT_EQ(training->row_counts().used, 3);
    EXPECT_EQ(training->row_counts().discarded, 2);
}

std::map<std::string, std::vector<std::byte>> contents(InterpretedJob& job) {
    std::map<std::string, std::vector<std::byte>> result;
    for (auto& [name, tensor] : job.variables())
        result[name] = tensor.bytes;
    return result;
}

constexpr const char* kEveryFeature =
    R"({"hidden": [8, 6], "epochs": 4, "batch_size": 50, "dropout": 0.2, "normalization": "batch", "patience": 2,
        "clip_norm": 1, "class_weights": "balanced", "loss_regression": "huber", "micro_batches": 3, "seed": 5})";

TEST(MlpTraining, TheSameSeedGivesTheSameBits) {
    const SampleTable table = mixed_table(300);
    const auto first = start(table, kMixedTargets, kEveryFeature);
    const auto second = start(table, kMixedTargets, kEveryFeature);
    InterpretedJob first_job(first->job());
    InterpretedJob second_job(second->job());
    first_job.run();
    second_job.run();
    EXPECT_EQ(contents(first_job), contents(second_job));
    EXPECT_EQ(first->manifest(), second->manifest());
    std::string other = kEveryFeature;
    other.replace(other.find("\"seed\": 5"), 9, "\"seed\": 6");
    const auto third = start(table, kMixedTargets, other);
    InterpretedJob third_job(third->job());
    third_job.run();
    EXPECT_NE(contents(first_job).at("head/weight"), contents(third_job).at("head/weight"));
}

TEST(MlpTraining, AJobGoesOnWhereItWasInterrupted) {
    const SampleTable table = mixed_table(300);
    const auto whole = start(table, kMixedTargets, kEveryFeature);
    InterpretedJob whole_job(whole->job());
    whole_job.run();
    const auto whole_log = whole->take_log();
    // After any step: within a batch, an epoch, a look at the validation rows, before the weights are kept.
    for (int interrupted_after = 1; interrupted_after < whole_job.steps(); interrupted_after += 7) {
        const auto before = start(table, kMixedTargets, kEveryFeature);
        InterpretedJob before_job(before->job());
        for (int i = 0; i < interrupted_after; ++i)
            ASSERT_TRUE(before_job.step());
        const std::string state = before->job().driver->save_state();

        const auto after = start(table, kMixedTargets, kEveryFeature);
        InterpretedJob after_job(after->job());
        after_job.variables() = before_job.variables();
        after->job().driver->restore_state(state);
        after_job.run();
        EXPECT_EQ(contents(whole_job), contents(after_job)) << interrupted_after;
        EXPECT_EQ(whole->manifest(), after->manifest());
        const auto log = after->take_log();
        ASSERT_EQ(log.size(), whole_log.size());
        for (std::size_t i = 0; i < log.size(); ++i)
            EXPECT_EQ(log[i].value, whole_log[i].value) << log[i].metric;
    }
    EXPECT_THROW(whole->job().driver->restore_state("{}"), Error);
    EXPECT_THROW(whole->job().driver->restore_state("not json"), Error);
}

TEST(MlpTraining, EarlyStoppingKeepsTheBestEpoch) {
    // Labels are noise: fitting them makes the validation loss worse soon.
    std::vector<float> x;
    std::vector<double> y;
    for (std::uint64_t row = 0; row < 120; ++row) {
        x.push_back(static_cast<float>(random_normal(6, 0, row)));
        y.push_back(random_normal(6, 1, row));
    }
    SampleTable table;
    table.add("x", x);
    table.add("y", y);
    const auto training = start(table, {"y"},
                                R"({"hidden": [64, 64], "epochs": 200, "batch_size": 16, "learning_rate": 0.01,
                                    "schedule": "constant", "validation": 0.4, "patience": 3, "dropout": 0})");
    InterpretedJob job(training->job());
    job.run();
    EXPECT_TRUE(training->stopped_early());
    const auto manifest = nlohmann::json::parse(training->manifest());
    const int best = manifest.at("training").at("best_epoch");
    EXPECT_EQ(manifest.at("training").at("epochs"), best + 3);
    EXPECT_EQ(training->progress().epoch, best + 3);

    double least = std::numeric_limits<double>::infinity();
    int least_epoch = 0;
    double best_rmse = 0;
    for (const LogLine& line : training->take_log()) {
        if (line.metric == "validation_loss" && line.value < least) {
            least = line.value;
            least_epoch = line.epoch;
        }
        if (line.metric == "validation_rmse" && line.epoch == best) best_rmse = line.value;
    }
    EXPECT_EQ(least_epoch, best);
    EXPECT_EQ(metrics_by_name(training->metrics()).at("y.rmse"), best_rmse);
    // The weights are those of that epoch: they give its validation error again.
    const auto predictor = family_named("mlp").load(training->manifest());
    const PredictionColumns predictions = predict(*predictor, job.variables(), table);
    double squares = 0;
    int rows = 0;
    for (std::size_t row = 0; row < 120; ++row) {
        if (random_uniform(0, 1, row) >= 0.4) continue;
        squares += (predictions.values[0][row] - y[row]) * (predictions.values[0][row] - y[row]);
        ++rows;
    }
    EXPECT_NEAR(std::sqrt(squares / rows), best_rmse, 1e-5);
}

TEST(MlpTraining, SlicesOfABatchMakeTheSameUpdateAsTheWhole) {
    const SampleTable table = mixed_table(200);
    const auto weights_after = [&](int slices) {
        const std::string options =
            R"({"hidden": [8], "epochs": 1, "batch_size": 64, "optimizer": "sgd", "validation": 0, "clip_norm": 0.5, "dropout": 0,
                "class_weights": "balanced", "learning_rate": 0.05, "micro_batches": )" +
            std::to_string(slices) + "}";
        const auto training = start(table, kMixedTargets, options);
        InterpretedJob job(training->job());
        job.run();
        EXPECT_EQ(job.steps(), 4 * slices + 1);  // and a look at the loss after the last
        const HostTensor& weight = job.variables().at("layer_0/weight");
        return std::vector<float>(weight.data<float>(), weight.data<float>() + weight.type.shape.elements());
    };
    const std::vector<float> whole = weights_after(1);
    for (int slices : {2, 3, 7}) {
        const std::vector<float> sliced = weights_after(slices);
        for (std::size_t i = 0; i < whole.size(); ++i)
            ASSERT_NEAR(whole[i], sliced[i], 2e-5) << slices;
    }
}

TEST(MlpTraining, EveryChoiceOfOptionsTrains) {
    const SampleTable table = mixed_table(150);
    for (const char* options :
         {R"({"optimizer": "sgd", "momentum": 0.5, "schedule": "linear", "warmup_steps": 3})",
          R"({"optimizer": "adam", "weight_decay": 0.01, "normalization": "layer", "activation": "gelu"})",
          R"({"optimizer": "adamw", "normalization": "batch", "activation": "silu", "dropout": 0.1})",
          R"({"activation": "tanh", "schedule": "constant", "embedding_size": 3, "max_categories": 2})",
          R"({"hidden": [], "validation": 0.5, "patience": 0})", R"({"batch_size": 1000000, "micro_batches": 1000})",
          R"({"batch_size": 1, "normalization": "batch"})"}) {
        auto json = nlohmann::json::parse(options);
        json["epochs"] = 2;
        if (!json.contains("hidden")) json["hidden"] = {5};
        const auto training = start(table, kMixedTargets, json.dump());
        InterpretedJob job(training->job());
        job.run();
        const auto predictor = family_named("mlp").load(training->manifest());
        for (const std::vector<double>& values : predict(*predictor, job.variables(), table).values)
            for (double value : values)
                ASSERT_TRUE(std::isfinite(value)) << options;
    }
}

TEST(MlpTraining, ManyCategoriesTrainWithRowSparseUpdates) {
    std::vector<std::string> values;
    std::vector<double> y;
    for (int copy = 0; copy < 2; ++copy)
        for (int i = 0; i < 1500; ++i) {
            values.push_back("v" + std::to_string(i));
            y.push_back(i % 2);
        }
    SampleTable table;
    table.add_text("c", values);
    table.add("y", y);
    for (const char* optimizer : {"sgd", "adam"}) {
        const auto training = start(
            table, {"y"},
            std::string(
                R"({"hidden": [4], "epochs": 1, "batch_size": 64, "validation": 0, "clip_norm": 1, "optimizer": ")") +
                optimizer + "\"}");
        bool by_rows = false;
        for (const Node& node : training->job().programs[0].nodes())
            by_rows |= node.op->name() == "adam_rows" || node.op->name() == "sgd_momentum_rows";
        EXPECT_TRUE(by_rows);
        InterpretedJob job(training->job());
        const std::vector<std::byte> before = job.variables().at("embedding_0/table").bytes;
        job.run();
        EXPECT_NE(job.variables().at("embedding_0/table").bytes, before);
    }
}

TEST(MlpTraining, AWideTableHasFewInputs) {
    SampleTable table;
    table.add("y", std::vector<double>{1, 2, 3, 4});
    for (int column = 0; column < 799; ++column) {
        table.add("x" + std::to_string(column), std::vector<float>{1, 2, 3, 4});
        table.add_text("c" + std::to_string(column), {"a", "a", "b", "b"});
    }
    const auto training = start(table, {"y"}, R"({"hidden": [4], "epochs": 1, "validation": 0})");
    EXPECT_LT(training->job().programs[0].nodes().size(), 60U);
    InterpretedJob job(training->job());
    job.run();
}

}  // namespace
}  // namespace tensile
