// Sessions: greeting, misbehaviour, hang-ups at any moment, and the engine's end.

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>

#include "unit/engine/test_engine.h"

namespace tensile::test {
namespace {

// Sends bytes that no client library would.
void send_raw(client::Connection& connection, std::span<const std::byte> bytes, int descriptor = -1) {
    std::string problem;
    ASSERT_EQ(protocol::send_packet(connection.socket(), bytes, descriptor, /*block=*/true, problem),
              protocol::IoStatus::kOk)
        << problem;
}

// The engine's last word is a protocol violation, and it has hung up.
void expect_violation(client::Connection& connection) {
    EXPECT_EQ(sqlstate_of([&] { client::receive(connection); }), sqlstate::kProtocolViolation);
    EXPECT_EQ(sqlstate_of([&] { client::receive(connection); }), sqlstate::kSystemError);
}

std::size_t session_count(client::Connection& connection) {
    const client::MonitorTable table = monitor(connection, "engine");
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        if (table.columns[i] == "sessions") return static_cast<std::size_t>(std::stoi(*table.rows.at(0).at(i)));
    return 0;
}

TEST(Session, HelloIsAnswered) {
    TestEngine engine;
    const auto connection = engine.connect_silently();
    client::request_hello(*connection, {kBuildId, 4711, "alice", "shop", "psql"});
    const client::Reply reply = client::exchange(*connection);
    const auto& hello = client::expect<protocol::HelloReply>(reply);
    EXPECT_EQ(hello.engine_pid(), getpid());
    EXPECT_EQ(hello.session_id(), 1U);
}

TEST(Session, AnotherBuildIsTurnedAway) {
    TestEngine engine;
    const auto connection = engine.connect_silently();
    client::request_hello(*connection, {"older-build", 1, "alice", "shop", "psql"});
    try {
        client::exchange(*connection);
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kObjectNotInState);
        EXPECT_NE(error.detail().find("older-build"), std::string::npos);
        EXPECT_NE(error.hint(), "");
    }
    EXPECT_EQ(sqlstate_of([&] { client::receive(*connection); }), sqlstate::kSystemError);
}

TEST(Session, WithoutAHelloThereIsNoService) {
    TestEngine engine;
    const auto connection = engine.connect_silently();
    client::request_monitor(*connection, "engine");
    client::send_all(*connection);
    expect_violation(*connection);
}

TEST(Session, ASecondHelloIsAViolation) {
    TestEngine engine;
    const auto connection = engine.connect();
    client::request_hello(*connection, {kBuildId, 1, "a", "b", "c"});
    client::send_all(*connection);
    expect_violation(*connection);
}

TEST(Session, RequestsOutOfOrderAreViolations) {
    TestEngine engine;
    const std::vector<std::uint64_t> rows = example_rows(1).words();
    const auto run = engine.connect();
    client::request_run(*run);
    client::send_all(*run);
    expect_violation(*run);
    const auto append = engine.connect();
    client::request_append(*append, std::as_bytes(std::span(rows)));
    client::send_all(*append);
    expect_violation(*append);
    const auto predict = engine.connect();
    client::request_predict(*predict, 9, std::as_bytes(std::span(rows)));
    client::send_all(*predict);
    expect_violation(*predict);
}

TEST(Session, GarbageEndsTheSessionIsLoggedAndHurtsNobodyElse) {
    TestEngine engine;
    const auto bystander = engine.connect();
    for (const std::size_t bytes : {1, 7, 8, 100, 65536}) {
        const auto connection = engine.connect();
        std::vector<std::byte> garbage(bytes);
        for (std::size_t i = 0; i < bytes; ++i)
            garbage[i] = static_cast<std::byte>(i * 131 + bytes);
        send_raw(*connection, garbage);
        expect_violation(*connection);
    }
    EXPECT_NE(engine.log().find("WARNING\tsession"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return session_count(*bystander) == 1; }));
}

TEST(Session, AnOversizedPacketIsAViolation) {
    TestEngine engine;
    const auto connection = engine.connect();
    const std::vector<std::byte> packet(protocol::kMaxPacket + 1);
    ASSERT_EQ(::send(connection->socket(), packet.data(), packet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
    expect_violation(*connection);
}

TEST(Session, ADescriptorThatIsNoSegmentIsAViolation) {
    TestEngine engine;
    const auto connection = engine.connect();
    const protocol::Descriptor event(eventfd(0, EFD_CLOEXEC));
    const std::array<std::byte, 8> packet{};
    send_raw(*connection, packet, event.get());
    expect_violation(*connection);
}

TEST(Session, AnEngineMessageFromAClientIsAViolation) {
    TestEngine engine;
    const auto connection = engine.connect();
    flatbuffers::FlatBufferBuilder builder;
    send_raw(*connection, protocol::seal_envelope(builder, protocol::CreateEngineReady(builder)));
    expect_violation(*connection);
}

// Trains for a very long time on another thread's behalf; returns when the job holds its bytes.
std::unique_ptr<client::Connection> start_long_training(TestEngine& engine) {
    std::unique_ptr<client::Connection> connection = engine.connect("trainer");
    const BlockBuilder rows = example_rows(1000);
    begin_training(*connection, rows, kManyEpochs);
    append(*connection, rows);
    client::request_run(*connection);
    client::send_all(*connection);
    EXPECT_TRUE(eventually([&] { return engine.resources().pool.summary().used > 0; }));
    return connection;
}

bool everything_is_free(TestEngine& engine) {
    return engine.resources().pool.summary().used == 0 && engine.resources().host.used() == 0;
}

TEST(HangUp, DuringTrainingFreesEverything) {
    TestEngine engine;
    std::unique_ptr<client::Connection> connection = start_long_training(engine);
    EXPECT_GT(engine.resources().host.used(), 0U);
    connection.reset();
    EXPECT_TRUE(eventually([&] { return everything_is_free(engine); }));
}

TEST(HangUp, WhileQueuedLeavesTheQueue) {
    // A pool with room for one of two jobs: the first one's need, measured.
    std::uint64_t need = 0;
    {
        TestEngine probe;
        const auto connection = start_long_training(probe);
        need = probe.resources().pool.summary().used;
    }
    Settings settings = small_settings();
    // A second job would share the step region, but there is no room for its state.
    settings.pool_size = need;
    TestEngine engine(settings);
    std::unique_ptr<client::Connection> first = start_long_training(engine);
    std::unique_ptr<client::Connection> second = engine.connect();
    const BlockBuilder rows = example_rows(1000);
    begin_training(*second, rows, kManyEpochs);
    append(*second, rows);
    client::request_run(*second);
    client::send_all(*second);
    ASSERT_TRUE(eventually([&] { return engine.resources().pool.summary().queued == 1; }));
    second.reset();
    EXPECT_TRUE(eventually([&] { return engine.resources().pool.summary().queued == 0; }));
    EXPECT_GT(engine.resources().pool.summary().used, 0U);
    first.reset();
    EXPECT_TRUE(eventually([&] { return everything_is_free(engine); }));
}

TEST(HangUp, BetweenRowsForgetsThem) {
    TestEngine engine;
    {
        const auto connection = engine.connect();
        const BlockBuilder rows = example_rows(1000);
        begin_training(*connection, rows, kFewEpochs);
        append(*connection, rows);
        EXPECT_GT(engine.resources().host.used(), 0U);
    }
    EXPECT_TRUE(eventually([&] { return everything_is_free(engine); }));
}

TEST(HangUp, OfOneSessionLeavesTheOtherAlone) {
    TestEngine engine;
    std::unique_ptr<client::Connection> lost = start_long_training(engine);
    const auto connection = engine.connect();
    const client::TrainedModel before = train_example(*connection);
    lost.reset();
    EXPECT_EQ(train_example(*connection).key, before.key);
}

TEST(HangUp, DuringPredictionFreesTheRows) {
    TestEngine engine;
    std::unique_ptr<client::Connection> connection = engine.connect();
    const client::TrainedModel model = train_example(*connection);
    open_slot(*connection, 1, model, example_features(1));
    const std::uint64_t idle = engine.resources().pool.summary().used;
    const BlockBuilder many = example_features(200000);
    const protocol::Segment segment = many.segment();
    client::request_predict(*connection, 1, segment, many.bytes());
    client::send_all(*connection);
    connection.reset();
    EXPECT_TRUE(eventually([&] { return engine.resources().host.used() == 0; }));
    // The model and its contexts stay for others, as evictable bytes.
    EXPECT_GE(engine.resources().pool.summary().used, idle);
    EXPECT_TRUE(eventually([&] {
        engine.resources().models.reclaim(1);
        return engine.resources().pool.summary().used == 0;
    }));
}

// Fills the socket with log lines that the client does not read.
std::unique_ptr<client::Connection> start_unread_training(TestEngine& engine, int epochs) {
    std::unique_ptr<client::Connection> connection = engine.connect();
    const BlockBuilder rows = example_rows(64);
    begin_training(*connection, rows,
                   "{\"epochs\": " + std::to_string(epochs) + R"(, "hidden": [4], "patience": 0, "validation": 0})");
    append(*connection, rows);
    client::request_run(*connection);
    client::send_all(*connection);
    return connection;
}

TEST(SlowClient, DoesNotSlowTheTrainingAndGetsTheWholeLog) {
    constexpr int kEpochs = 5000;
    TestEngine engine;
    const auto slow = start_unread_training(engine, kEpochs);
    // The job gives its bytes back after the last line has been taken, so it is still there, but its work is done.
    const auto watcher = engine.connect();
    EXPECT_TRUE(eventually([&] {
        const std::optional<std::string> epoch = monitor(*watcher, "progress").rows.at(0).at(5);
        return epoch && std::stoi(*epoch) > kEpochs * 9 / 10;
    }));
    int last_epoch = 0;
    bool finished = false;
    while (!finished) {
        const client::Reply reply = client::receive(*slow);
        if (const auto* entry = reply.as<protocol::LogEntry>()) {
            EXPECT_GE(entry->epoch(), last_epoch);
            EXPECT_LE(entry->epoch(), last_epoch + 1);
            last_epoch = entry->epoch();
        }
        finished = reply.as<protocol::TrainReply>() != nullptr;
    }
    EXPECT_EQ(last_epoch, kEpochs);
}

TEST(SlowClient, ThatHangsUpFreesEverything) {
    TestEngine engine;
    std::unique_ptr<client::Connection> slow = start_unread_training(engine, 3000);
    EXPECT_TRUE(eventually([&] { return engine.resources().pool.summary().used > 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // most likely waiting for the client by now
    slow.reset();
    EXPECT_TRUE(eventually([&] { return everything_is_free(engine); }));
}

TEST(SlowClient, DoesNotKeepTheEngineFromStopping) {
    TestEngine engine;
    const std::unique_ptr<client::Connection> slow = start_unread_training(engine, 3000);
    EXPECT_TRUE(eventually([&] { return engine.resources().pool.summary().used > 0; }));
    EXPECT_TRUE(engine.engine().stop(std::chrono::seconds(10)));
    EXPECT_TRUE(everything_is_free(engine));
}

TEST(Queue, ATimeoutIsAnErrorThatNamesWhoHoldsThePool) {
    std::uint64_t need = 0;
    {
        TestEngine probe;
        const auto connection = start_long_training(probe);
        need = probe.resources().pool.summary().used;
    }
    Settings settings = small_settings();
    // A second job would share the step region, but there is no room for its state.
    settings.pool_size = need;
    TestEngine engine(settings);
    const auto first = start_long_training(engine);
    const auto second = engine.connect();
    const BlockBuilder rows = example_rows(1000);
    const std::vector<std::string_view> targets = {"y", "warm"};
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    client::request_training(*second, {"waiting", "mlp", kManyEpochs, targets, columns, /*queue_timeout_ms=*/20});
    client::expect<protocol::Accepted>(client::exchange(*second));
    append(*second, rows);
    client::request_run(*second);
    try {
        client::exchange(*second);
        FAIL() << "both jobs fit";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kInsufficientResources);
        EXPECT_NE(error.detail().find("example"), std::string::npos) << error.detail();
    }
    EXPECT_EQ(engine.resources().pool.summary().queued, 0);
    EXPECT_EQ(monitor(*second, "engine").rows.size(), 1U);
}

TEST(Sessions, TwoTrainAndPredictAtTheSameTime) {
    TestEngine engine;
    const auto first = engine.connect();
    const auto second = engine.connect();
    const client::TrainedModel expected = train_example(*first);
    std::optional<client::TrainedModel> concurrent;
    std::thread trainer([&] {
        for (int i = 0; i < 5; ++i)
            concurrent = train_example(*second);
    });
    open_slot(*first, 1, expected, example_features(1));
    const Predicted row = predict(*first, 1, example_features(1));
    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(predict(*first, 1, example_features(1)).y, row.y);
    trainer.join();
    EXPECT_EQ(concurrent->key, expected.key);
}

TEST(EngineStop, TellsIdleAndBusyClientsAndFreesEverything) {
    TestEngine engine;
    const auto idle = engine.connect();
    const auto busy = start_long_training(engine);
    EXPECT_TRUE(engine.engine().stop(std::chrono::duration_cast<std::chrono::milliseconds>(kGenerousLimit)));
    EXPECT_EQ(sqlstate_of([&] {
                  while (true)
                      client::receive(*busy);
              }),
              sqlstate::kCannotConnectNow);
    client::request_monitor(*idle, "engine");
    EXPECT_EQ(sqlstate_of([&] { client::exchange(*idle); }), sqlstate::kCannotConnectNow);
    EXPECT_TRUE(everything_is_free(engine));
}

TEST(EngineStop, AcceptsNobodyAfterwards) {
    TestEngine engine;
    EXPECT_TRUE(engine.engine().stop(std::chrono::milliseconds(10)));
    const auto late = engine.connect_silently();
    client::request_hello(*late, {kBuildId, 1, "a", "b", "c"});
    EXPECT_EQ(sqlstate_of([&] { client::exchange(*late); }), sqlstate::kSystemError);
}

TEST(EngineConfigure, LimitsChangeAtRunTime) {
    TestEngine engine;
    Settings settings = small_settings();
    settings.host_memory = std::uint64_t{128} << 20;
    settings.pool_size = std::uint64_t{32} << 20;
    settings.threads = 1;
    engine.engine().configure(settings);
    EXPECT_EQ(engine.resources().host.limit(), settings.host_memory);
    EXPECT_EQ(engine.resources().pool.summary().size, small_settings().pool_size);
    EXPECT_NE(engine.log().find("take effect when the engine is started again"), std::string::npos);
    const auto connection = engine.connect();
    EXPECT_FALSE(train_example(*connection).manifest.empty());
}

}  // namespace
}  // namespace tensile::test
