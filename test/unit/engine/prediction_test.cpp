// Prediction through the protocol.
#include <gtest/gtest.h>

#include "engine/model_hash.h"
#include "unit/engine/test_engine.h"

namespace tensile::test {
namespace {

class PredictionTest : public testing::Test {
  protected:
    PredictionTest() : connection_(engine_.connect()), model_(train_example(*connection_)) {}

    TestEngine engine_;
    std::unique_ptr<client::Connection> connection_;
    client::TrainedModel model_;
};

TEST_F(PredictionTest, AModelIsAskedForOnce) {
    const BlockBuilder features = example_features(1);
    const std::vector<client::ColumnDeclaration> columns = features.declarations();
    client::request_prediction(*connection_, 1, model_.key, columns, client::kNoQueueTimeout);
    EXPECT_FALSE(client::prediction_outputs(client::exchange(*connection_)));
    load(*connection_, model_);
    // Another session finds it loaded.
    const auto other = engine_.connect();
    client::request_prediction(*other, 1, model_.key, columns, client::kNoQueueTimeout);
    const auto outputs = client::prediction_outputs(client::exchange(*other));
    ASSERT_TRUE(outputs);
    ASSERT_EQ(outputs->size(), 2U);
    EXPECT_EQ((*outputs)[0].task, "y");
    EXPECT_EQ((*outputs)[0].kind, "regression");
    EXPECT_EQ((*outputs)[1].task, "warm");
    EXPECT_EQ((*outputs)[1].kind, "binary");
    EXPECT_EQ((*outputs)[1].type_name, "text");
}

TEST_F(PredictionTest, ARowAloneAndAmongManyHasTheSameBits) {
    open_slot(*connection_, 1, model_, example_features(1));
    const Predicted together = predict(*connection_, 1, example_features(5000));
    ASSERT_EQ(together.y.size(), 5000U);
    for (const int row : {0, 1, 17, 4095, 4096, 4999}) {
        const auto at = static_cast<std::size_t>(row);
        const Predicted alone = predict(*connection_, 1, example_features(1, row));
        EXPECT_EQ(alone.y.at(0), together.y[at]) << row;
        EXPECT_EQ(alone.warm_probability.at(0), together.warm_probability[at]) << row;
        EXPECT_EQ(alone.warm.at(0), together.warm[at]) << row;
    }
}

TEST_F(PredictionTest, ProbabilitiesAreOfThePositiveClassAndLabelsOfTheLikelier) {
    open_slot(*connection_, 1, model_, example_features(1));
    const Predicted predicted = predict(*connection_, 1, example_features(300));
    for (std::size_t row = 0; row < 300; ++row) {
        EXPECT_GE(predicted.warm_probability[row], 0.0);
        EXPECT_LE(predicted.warm_probability[row], 1.0);
        EXPECT_EQ(predicted.warm[row] == "warm", predicted.warm_probability[row] > 0.5) << row;
    }
}

TEST_F(PredictionTest, NoRowsGiveNoPredictions) {
    open_slot(*connection_, 1, model_, example_features(1));
    EXPECT_TRUE(predict(*connection_, 1, example_features(0)).y.empty());
}

TEST_F(PredictionTest, SlotsAreIndependent) {
    const client::TrainedModel other = train_example(*connection_, 600, R"({"epochs": 2, "hidden": [8], "seed": 99})");
    open_slot(*connection_, 1, model_, example_features(1));
    const Predicted first = predict(*connection_, 1, example_features(3));
    open_slot(*connection_, 2, other, example_features(1));
    EXPECT_NE(predict(*connection_, 2, example_features(3)).y, first.y);
    EXPECT_EQ(predict(*connection_, 1, example_features(3)).y, first.y);
    client::request_end_prediction(*connection_, 2);
    client::expect<protocol::Accepted>(client::exchange(*connection_));
    EXPECT_EQ(predict(*connection_, 1, example_features(3)).y, first.y);
}

TEST_F(PredictionTest, ColumnsAreBoundByName) {
    open_slot(*connection_, 1, model_, example_features(1));
    const Predicted expected = predict(*connection_, 1, example_features(1, 4));
    BlockBuilder shuffled;
    shuffled.text("color", {"blue"})
        .number("unused", {1})
        .number("b", {std::cos(4 * 1.3)})
        .number("a", {std::sin(4 * 0.7)});
    open_slot(*connection_, 2, model_, shuffled);
    EXPECT_EQ(predict(*connection_, 2, shuffled).y, expected.y);
}

TEST_F(PredictionTest, AMissingColumnOrAnotherTypeIsAnErrorAndTheSessionGoesOn) {
    load(*connection_, model_);
    const auto attempt = [&](const BlockBuilder& rows) {
        const std::vector<client::ColumnDeclaration> columns = rows.declarations();
        return sqlstate_of([&] {
            client::request_prediction(*connection_, 1, model_.key, columns, client::kNoQueueTimeout);
            client::prediction_outputs(client::exchange(*connection_));
        });
    };
    BlockBuilder missing;
    missing.number("a", {1}).number("b", {1});
    EXPECT_EQ(attempt(missing), sqlstate::kUndefinedColumn);
    BlockBuilder mistyped;
    mistyped.number("a", {1}).text("b", {"x"}).text("color", {"red"});
    EXPECT_EQ(attempt(mistyped), sqlstate::kDatatypeMismatch);
    EXPECT_EQ(attempt(example_features(1)), "");
}

TEST_F(PredictionTest, AnUnseenCategoryIsPredicted) {
    open_slot(*connection_, 1, model_, example_features(1));
    BlockBuilder unseen;
    unseen.number("a", {0.5}).number("b", {0.5}).text("color", {"ultraviolet"});
    EXPECT_TRUE(std::isfinite(predict(*connection_, 1, unseen).y.at(0)));
}

TEST_F(PredictionTest, DamagedWeightsAreRefused) {
    std::optional<protocol::Segment> segment =
        protocol::Segment::create(model_.manifest.size() + model_.weights.size());
    ASSERT_TRUE(segment);
    std::memcpy(segment->bytes().data(), model_.manifest.data(), model_.manifest.size());
    std::memcpy(segment->bytes().data() + model_.manifest.size(), model_.weights.data(), model_.weights.size());
    segment->bytes().back() ^= std::byte{1};
    const std::string code = sqlstate_of([&] {
        client::request_load(*connection_, model_.key, *segment, model_.manifest.size(), model_.weights.size());
        client::exchange(*connection_);
    });
    EXPECT_EQ(code, sqlstate::kDataCorrupted);
    EXPECT_EQ(engine_.resources().models.counters().models, 0U);
    load(*connection_, model_);
}

TEST_F(PredictionTest, AManifestThatIsNoneIsRefusedThoughItsHashFits) {
    for (const std::string manifest :
         {"", "nonsense", "{}", "[]", "{\"method\": 3}", "{\"method\": \"mlp\"}", "{\"a\": {\"method\": \"mlp\"}}"}) {
        std::optional<protocol::Segment> segment = protocol::Segment::create(manifest.size() + 64);
        ASSERT_TRUE(segment);
        std::memcpy(segment->bytes().data(), manifest.data(), manifest.size());
        const client::ModelKey key = hash_model(std::as_bytes(std::span(manifest)), segment->bytes().last(64));
        const std::string code = sqlstate_of([&] {
            client::request_load(*connection_, key, *segment, manifest.size(), 64);
            client::exchange(*connection_);
        });
        EXPECT_FALSE(code.empty() || code == sqlstate::kInternalError) << manifest << ": " << code;
    }
    EXPECT_FALSE(connection_->broken());
}

TEST_F(PredictionTest, AnEvictedModelIsAskedForAgain) {
    open_slot(*connection_, 1, model_, example_features(1));
    const Predicted before = predict(*connection_, 1, example_features(1));
    // The session lets go of it a moment after its reply.
    ASSERT_TRUE(eventually([&] {
        engine_.resources().models.reclaim(1);
        return engine_.resources().models.counters().models == 0;
    }));
    const std::vector<std::uint64_t> words = example_features(1).words();
    client::request_predict(*connection_, 1, std::as_bytes(std::span(words)).first(example_features(1).bytes()));
    EXPECT_FALSE(client::prediction(client::exchange(*connection_)));
    load(*connection_, model_);
    EXPECT_EQ(predict(*connection_, 1, example_features(1)).y, before.y);
}

TEST_F(PredictionTest, AnotherNumberOrKindOfColumnsThanDeclaredIsAViolation) {
    open_slot(*connection_, 1, model_, example_features(1));
    BlockBuilder other;
    other.number("a", {1}).number("b", {1}).number("color", {1});
    EXPECT_EQ(sqlstate_of([&] { predict(*connection_, 1, other); }), sqlstate::kProtocolViolation);
    EXPECT_TRUE(connection_->broken());
}

TEST_F(PredictionTest, HostMemoryIsGivenBackWithTheNextRequest) {
    open_slot(*connection_, 1, model_, example_features(1));
    const std::uint64_t before = engine_.resources().host.used();
    predict(*connection_, 1, example_features(20000));
    predict(*connection_, 1, example_features(1));
    EXPECT_EQ(engine_.resources().host.used(), before);
}

}  // namespace
}  // namespace tensile::test
