// Training and evaluation through the protocol.
#include <gtest/gtest.h>

#include <map>

#include "engine/model_hash.h"
#include "unit/engine/test_engine.h"

namespace tensile::test {
namespace {

std::map<std::string, double> by_name(const std::vector<client::Metric>& metrics) {
    std::map<std::string, double> result;
    for (const client::Metric& metric : metrics)
        result[metric.task + "." + metric.name] = metric.value;
    return result;
}

TEST(Training, GivesAModelUnderItsHash) {
    TestEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel model = train_example(*connection);
    EXPECT_EQ(model.key, hash_model(std::as_bytes(std::span(model.manifest)), model.weights));
    EXPECT_NE(model.manifest.find("\"mlp\""), std::string_view::npos);
    EXPECT_EQ(model.rows_read, 600);
    EXPECT_EQ(model.rows_used, 600);
    EXPECT_EQ(model.rows_discarded, 0);
    EXPECT_EQ(model.epochs_run, 5);
    EXPECT_FALSE(model.metrics.empty());
}

TEST(Training, LearnsTheExample) {
    TestEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel model =
        train_example(*connection, 2000, R"({"epochs": 60, "hidden": [32], "batch_size": 64, "seed": 3})");
    const auto metrics = by_name(model.metrics);
    ASSERT_TRUE(metrics.contains("y.r2"));
    ASSERT_TRUE(metrics.contains("warm.accuracy"));
    EXPECT_GT(metrics.at("y.r2"), 0.98);
    EXPECT_GT(metrics.at("warm.accuracy"), 0.98);
}

TEST(Training, SameSeedAndRowsGiveTheSameBytesWhateverTheThreads) {
    std::string first_weights;
    for (const int threads : {1, 2, 3}) {
        Settings settings = small_settings();
        settings.threads = threads;
        TestEngine engine(settings);
        const auto connection = engine.connect();
        const client::TrainedModel model = train_example(*connection);
        const std::string weights(reinterpret_cast<const char*>(model.weights.data()), model.weights.size());
        if (first_weights.empty()) first_weights = weights;
        EXPECT_EQ(weights, first_weights) << threads;
    }
}

TEST(Training, RowsMayComeInManyBlocks) {
    TestEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel whole = train_example(*connection);
    begin_training(*connection, example_rows(1), kFewEpochs);
    for (int first = 0; first < 600; first += 200)
        append(*connection, example_rows(200, first));
    client::request_run(*connection);
    const client::TrainedModel pieces = client::trained_model(client::exchange(*connection));
    EXPECT_EQ(pieces.key, whole.key);
}

TEST(Training, ThePlanComesBeforeTheModel) {
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(300);
    begin_training(*connection, rows, kFewEpochs);
    append(*connection, rows);
    client::request_run(*connection);
    client::send_all(*connection);
    client::MonitorTable plan;
    while (true) {
        const client::Reply reply = client::receive(*connection);
        if (const auto* part = reply.as<protocol::TrainPlan>()) client::append_plan_rows(*part, plan);
        if (!client::is_interim(reply)) break;
    }
    EXPECT_GT(plan.rows.size(), 10U);
    EXPECT_EQ(plan.columns.size(), 12U);
}

TEST(Training, WhatWasMeasuredTravelsToAnotherEngine) {
    std::string profile;
    {
        TestEngine engine;
        const auto connection = engine.connect();
        profile = train_example(*connection).cost_profile;
    }
    ASSERT_NE(profile.find("\"figures\""), std::string::npos);
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(10);
    const std::vector<std::string_view> targets = {"y", "warm"};
    const std::vector<std::string_view> profiles = {"no profile", profile};
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    EXPECT_TRUE(engine.resources().jobs.costs.figures(1).empty());
    client::request_training(*connection,
                             {"example", "mlp", kFewEpochs, targets, columns, client::kNoQueueTimeout, profiles});
    client::expect<protocol::Accepted>(client::exchange(*connection));
    EXPECT_GT(engine.resources().jobs.costs.figures(100).size(), 5U);
}

TEST(Training, ATooSmallShareOfThePoolIsRefused) {
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(300);
    const std::vector<std::string_view> targets = {"y", "warm"};
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    client::TrainingDeclaration declaration{"example", "mlp", kFewEpochs, targets, columns};
    declaration.max_pool_share = 0.0001;
    client::request_training(*connection, declaration);
    client::expect<protocol::Accepted>(client::exchange(*connection));
    append(*connection, rows);
    client::request_run(*connection);
    EXPECT_EQ(sqlstate_of([&] { client::exchange(*connection); }), sqlstate::kConfigurationLimitExceeded);
    EXPECT_EQ(engine.resources().pool.summary().used, 0U);
    // The session goes on.
    EXPECT_EQ(train_example(*connection).epochs_run, 5);
}

TEST(Training, TheLogTellsOfEveryEpoch) {
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(300);
    begin_training(*connection, rows, kFewEpochs);
    append(*connection, rows);
    client::request_run(*connection);
    client::send_all(*connection);
    std::map<int, int> lines;
    while (true) {
        const client::Reply reply = client::receive(*connection);
        if (const auto* entry = reply.as<protocol::LogEntry>()) ++lines[entry->epoch()];
        if (reply.type() == protocol::Message::TrainReply) break;
    }
    EXPECT_EQ(lines.size(), 5U);
    EXPECT_EQ(lines.begin()->first, 1);
}

TEST(Training, UserMistakesAreErrorsAndTheSessionGoesOn) {
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(50);
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    const auto attempt = [&](std::string_view method, std::string_view options, std::string_view target) {
        const std::vector<std::string_view> targets = {target};
        return sqlstate_of([&] {
            client::request_training(*connection, {"example", method, options, targets, columns});
            client::exchange(*connection);
        });
    };
    EXPECT_EQ(attempt("mlq", "{}", "y"), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(attempt("mlp", "{\"epoch\": 3}", "y"), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(attempt("mlp", "{\"epochs\": -3}", "y"), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(attempt("mlp", "{\"epochs\": ", "y"), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(attempt("mlp", "{}", "z"), sqlstate::kUndefinedColumn);
    EXPECT_EQ(attempt("mlp", "{}", "y"), "");
}

TEST(Training, TheModelTellsWhichDeviceMadeIt) {
    TestEngine engine;
    const auto connection = engine.connect();
    const DeviceProperties& device = engine.resources().device.properties();
    const client::TrainedModel model = train_example(*connection);
    EXPECT_TRUE(model.manifest.ends_with(",\"trained_on\":{\"device\":\"cpu\",\"instruction_set\":\"" +
                                         device.instruction_set + "\",\"library\":\"" + device.kernel_library + "\"}}"))
        << model.manifest;
}

TEST(Training, APrecisionThatTheDeviceDoesNotHaveIsRefusedBeforeRowsAreRead) {
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(50);
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    const std::vector<std::string_view> targets = {"y"};
    client::request_training(*connection, {"example", "mlp", R"({"precision": "bf16"})", targets, columns});
    try {
        client::exchange(*connection);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kFeatureNotSupported);
        EXPECT_EQ(error.message(), "precision \"bf16\" takes a GPU");
        EXPECT_EQ(error.detail(), "The engine computes on device \"cpu\".");
        EXPECT_EQ(error.hint(), "Use precision \"float32\", or a CUDA device (setting tensile.device).");
    }
    client::request_training(*connection, {"example", "mlp", R"({"precision": "float32"})", targets, columns});
    EXPECT_NO_THROW(client::expect<protocol::Accepted>(client::exchange(*connection)));
}

TEST(Training, NoRowsAreAnError) {
    TestEngine engine;
    const auto connection = engine.connect();
    begin_training(*connection, example_rows(1), kFewEpochs);
    client::request_run(*connection);
    EXPECT_NE(sqlstate_of([&] { client::exchange(*connection); }), "");
    EXPECT_FALSE(train_example(*connection).manifest.empty());
}

TEST(Training, APoolThatIsTooSmallIsNamedWithWhatIsNeeded) {
    Settings settings = small_settings();
    settings.pool_size = std::uint64_t{1} << 20;
    TestEngine engine(settings);
    const auto connection = engine.connect();
    try {
        train_example(*connection, 600, R"({"hidden": [1024, 1024], "epochs": 1})");
        FAIL() << "the job fits into one megabyte";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
        EXPECT_NE(error.hint().find("tensile.pool_size"), std::string::npos) << error.hint();
    }
    EXPECT_EQ(engine.resources().pool.summary().used, 0U);
}

TEST(Training, RowsBeyondTheHostBudgetAreRefusedAndGivenBack) {
    Settings settings = small_settings();
    settings.host_memory = std::uint64_t{4} << 20;
    TestEngine engine(settings);
    const auto connection = engine.connect();
    begin_training(*connection, example_rows(1), kFewEpochs);
    const BlockBuilder rows = example_rows(20000);
    const std::string code = sqlstate_of([&] {
        for (int i = 0; i < 100; ++i)
            append(*connection, rows);
    });
    EXPECT_EQ(code, sqlstate::kOutOfMemory);
    EXPECT_TRUE(eventually([&] { return engine.resources().host.used() == 0; }));
    EXPECT_FALSE(train_example(*connection).manifest.empty());
}

TEST(Evaluation, AgreesWithTheModelAndCountsRows) {
    TestEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel model =
        train_example(*connection, 2000, R"({"epochs": 60, "hidden": [32], "batch_size": 64, "seed": 3})");
    load(*connection, model);
    const BlockBuilder rows = example_rows(700, 5000);
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    client::request_evaluation(*connection, model.key, columns, client::kNoQueueTimeout);
    client::expect<protocol::Accepted>(client::exchange(*connection));
    append(*connection, example_rows(500, 5000));
    append(*connection, example_rows(200, 5500));
    client::request_run(*connection);
    const client::Evaluation evaluation = client::evaluation(client::exchange(*connection));
    EXPECT_EQ(evaluation.rows_read, 700);
    EXPECT_EQ(evaluation.rows_used, 700);
    EXPECT_GT(by_name(evaluation.metrics).at("y.r2"), 0.98);
}

TEST(Evaluation, AsksForAModelThatIsNotLoaded) {
    TestEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(1);
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    client::request_evaluation(*connection, client::ModelKey{}, columns, client::kNoQueueTimeout);
    client::expect<protocol::NeedModel>(client::exchange(*connection));
}

}  // namespace
}  // namespace tensile::test
