// Input that method mlp must refuse, with the messages that say why.
#include <gtest/gtest.h>

#include "mlp_fixture.h"

namespace tensile {
namespace {

using namespace testing;

Error error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error";
    return Error("", "");
}

Error start_error(const SampleTable& table, std::vector<std::string> targets, std::string options = "{}") {
    return error_of([&] { start(table, std::move(targets), std::move(options)); });
}

TEST(MlpBadInput, TargetsThatAreNotThere) {
    const SampleTable table = linear_table(10);
    const Error missing = start_error(table, {"z"});
    EXPECT_EQ(missing.sqlstate(), sqlstate::kUndefinedColumn);
    EXPECT_EQ(missing.message(), "target column \"z\" is not returned by the query");
    EXPECT_EQ(missing.hint(), "The query returns \"a\", \"b\", \"y\", \"above\".");
    EXPECT_EQ(start_error(table, {}).sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(start_error(table, {"y", "y"}).message(), "target column \"y\" is named more than once");
    EXPECT_EQ(start_error(table, {"a", "b", "y", "above"}).message(), "query returns no column to learn from");
    const SampleTable mixed = mixed_table(10);
    EXPECT_EQ(start_error(mixed, {"time"}).sqlstate(), sqlstate::kDatatypeMismatch);
    EXPECT_EQ(start_error(mixed, {"vector"}).sqlstate(), sqlstate::kDatatypeMismatch);
    SampleTable twice;
    twice.add("x", std::vector<float>{1, 2});
    twice.add("x", std::vector<float>{1, 2});
    twice.add("y", std::vector<float>{1, 2});
    EXPECT_EQ(start_error(twice, {"y"}).sqlstate(), "42701");
    SampleTable latin;
    latin.add("gr\xfc\xdf", std::vector<float>{1, 2});
    latin.add("y", std::vector<float>{1, 2});
    EXPECT_EQ(start_error(latin, {"y"}).sqlstate(), "22021");
}

TEST(MlpBadInput, RowsThatTeachNothing) {
    const auto table_of = [](std::vector<float> y, SampleTable::Nulls nulls = {}) {
        SampleTable table;
        table.add("x", std::vector<float>(y.size(), 1.0F));
        table.add("y", std::move(y), std::move(nulls));
        return table;
    };
    const auto nothing = family_named("mlp").train({"m", "{}", {"y"}, table_of({}).descriptions()});
    EXPECT_EQ(error_of([&] { nothing->finish_rows(); }).message(), "query returned no rows to train on");
    EXPECT_EQ(start_error(table_of({}), {"y"}).message(), "query returned no rows to train on");
    EXPECT_EQ(start_error(table_of({1}), {"y"}).message(), "query returned too few rows to train on");
    EXPECT_EQ(start_error(table_of({1, 2}, {0, 1}), {"y"}).message(), "query returned too few rows to train on");
    const Error null = start_error(table_of({1, 2, 3}, {1, 1, 1}), {"y"});
    EXPECT_EQ(null.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(null.message(), "target column \"y\" has no value in any row");
    const Error constant = start_error(table_of({5, 5, 5}, {0, 0, 1}), {"y"});
    EXPECT_EQ(constant.message(), "target column \"y\" has only one distinct value");
    EXPECT_EQ(constant.detail(), "Every row that has a value holds \"5\", so there is nothing to learn.");
    const float infinity = std::numeric_limits<float>::infinity();
    EXPECT_EQ(start_error(table_of({infinity, -infinity, NAN}), {"y"}).message(),
              "target column \"y\" has no value in any row");

    // One of two targets is never there.
    SampleTable half = table_of({1, 2, 3});
    half.add_text("label", {"a", "b", "c"}, {1, 1, 1});
    EXPECT_EQ(start_error(half, {"y", "label"}).message(), "target column \"label\" has no value in any row");
    std::uint64_t seed = 0;  // one that holds both rows back
    while (random_uniform(seed, 1, 0) >= 0.9 || random_uniform(seed, 1, 1) >= 0.9)
        ++seed;
    EXPECT_EQ(
        start_error(table_of({1, 2}), {"y"}, R"({"validation": 0.9, "seed": )" + std::to_string(seed) + "}").message(),
        "no row is left to train on");
}

TEST(MlpBadInput, OptionsThatContradictEachOther) {
    const SampleTable table = linear_table(10);
    EXPECT_EQ(start_error(table, {"y"}, R"({"batch_size": 4, "micro_batches": 8})").message(),
              "option \"micro_batches\" must not exceed \"batch_size\"");
    EXPECT_EQ(start_error(table, {"y"}, R"({"epoch": 3})").sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(start_error(table, {"y"}, R"({"hidden": [0]})").detail(), "Each element must be between 1 and 65536.");
}

TEST(MlpBadInput, ADivergingTrainingStopsWithTheEpoch) {
    const SampleTable table = linear_table(200);
    const auto training = start(table, {"y"}, R"({"optimizer": "sgd", "learning_rate": 100, "batch_size": 8})");
    InterpretedJob job(training->job());
    const Error error = error_of([&] { job.run(); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kDataException);
    EXPECT_EQ(error.message(), "training diverged: the loss is not a finite number");
    EXPECT_NE(error.detail().find("in epoch 1, step "), std::string::npos) << error.detail();
    EXPECT_NE(error.hint().find("learning_rate"), std::string::npos);
}

// Trains `epochs` updates, one an epoch, without validation; the error it ends in, and the updates before it.
std::pair<Error, int> diverge(const SampleTable& table, int epochs) {
    const auto training =
        start(table, {"y"},
              R"({"optimizer": "sgd", "learning_rate": 100, "batch_size": 200, "validation": 0, "epochs": )" +
                  std::to_string(epochs) + "}");
    InterpretedJob job(training->job());
    const Error error = error_of([&] { job.run(); });
    return {error, job.steps()};
}

TEST(MlpBadInput, ALastUpdateThatDivergesIsNoticedWithoutValidation) {
    const SampleTable table = linear_table(200);
    // Known from the loss of the next step, and the same without a next step.
    const auto [noticed, updates] = diverge(table, 100);
    EXPECT_NE(noticed.detail().find(", step " + std::to_string(updates + 1)), std::string::npos) << noticed.detail();
    const auto [last, same_updates] = diverge(table, updates);
    EXPECT_EQ(same_updates, updates);
    EXPECT_EQ(last.sqlstate(), sqlstate::kDataException);
    EXPECT_EQ(last.message(), "training diverged: the loss is not a finite number");
    EXPECT_NE(last.detail().find(", after step " + std::to_string(updates) + "."), std::string::npos) << last.detail();
}

TEST(MlpBadInput, PackingStopsWhenAsked) {
    const SampleTable table = linear_table(50);
    const auto training = family_named("mlp").train({"m", "{}", {"y"}, table.descriptions()});
    training->append_rows(table.rows());
    const std::atomic<bool> stop = true;
    EXPECT_EQ(error_of([&] { training->finish_rows(&stop); }).sqlstate(), sqlstate::kQueryCanceled);
}

TEST(MlpBadInput, AManifestThatIsNone) {
    const SampleTable table = linear_table(50);
    const auto training = start(table, {"y"}, R"({"epochs": 1, "hidden": [3]})");
    InterpretedJob job(training->job());
    job.run();
    const auto good = nlohmann::ordered_json::parse(training->manifest());
    const auto load = [](const nlohmann::ordered_json& json) {
        return error_of([&] { family_named("mlp").load(json.dump()); }).sqlstate();
    };
    EXPECT_EQ(error_of([] { family_named("mlp").load("nonsense"); }).sqlstate(), sqlstate::kDataCorrupted);
    EXPECT_EQ(load({{"format", 2}}), sqlstate::kFeatureNotSupported);
    for (const char* key : {"features", "tasks", "weights", "options"}) {
        auto bad = good;
        bad.erase(key);
        EXPECT_EQ(load(bad), sqlstate::kDataCorrupted) << key;
        bad[key] = nlohmann::ordered_json::array();
        EXPECT_EQ(load(bad), sqlstate::kDataCorrupted) << key;
    }
    auto resized = good;
    resized["options"]["hidden"] = {4};
    EXPECT_EQ(load(resized), sqlstate::kDataCorrupted);
}

}  // namespace
}  // namespace tensile
