// Monitoring views as another session sees them.
#include "engine/monitor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "unit/engine/test_engine.h"

namespace tensile::test {
namespace {

std::size_t column_of(const client::MonitorTable& table, std::string_view name) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), name);
    EXPECT_NE(found, table.columns.end()) << name;
    return static_cast<std::size_t>(found - table.columns.begin());
}

std::string cell(const client::MonitorTable& table, std::size_t row, std::string_view column) {
    return table.rows.at(row).at(column_of(table, column)).value_or("NULL");
}

TEST(Monitor, EngineIsOneRow) {
    TestEngine engine;
    const auto connection = engine.connect();
    const client::MonitorTable table = monitor(*connection, "engine");
    ASSERT_EQ(table.rows.size(), 1U);
    EXPECT_EQ(cell(table, 0, "device"), "cpu");
    EXPECT_EQ(cell(table, 0, "pool_size"), std::to_string(small_settings().pool_size));
    EXPECT_EQ(cell(table, 0, "host_limit"), std::to_string(small_settings().host_memory));
    EXPECT_EQ(cell(table, 0, "threads"), "2");
    EXPECT_EQ(cell(table, 0, "sessions"), "1");
    EXPECT_EQ(cell(table, 0, "build_id"), kBuildId);
    EXPECT_EQ(cell(table, 0, "engine_pid"), std::to_string(getpid()));
}

TEST(Monitor, MethodsListEveryOptionWithItsRange) {
    TestEngine engine;
    const auto connection = engine.connect();
    const client::MonitorTable table = monitor(*connection, "methods");
    bool found_method = false;
    bool found_option = false;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        if (cell(table, row, "method") != "mlp") continue;
        if (cell(table, row, "option") == "NULL") found_method = true;
        if (cell(table, row, "option") != "epochs") continue;
        found_option = true;
        EXPECT_EQ(cell(table, row, "type"), "integer");
        EXPECT_EQ(cell(table, row, "minimum"), "1");
        EXPECT_NE(cell(table, row, "help"), "");
    }
    EXPECT_TRUE(found_method);
    EXPECT_TRUE(found_option);
}

TEST(Monitor, ATrainingIsSeenByOtherSessions) {
    TestEngine engine;
    const auto trainer = engine.connect("trainer");
    const BlockBuilder rows = example_rows(1000);
    begin_training(*trainer, rows, kManyEpochs);
    const auto watcher = engine.connect("watcher");
    const client::MonitorTable reading = monitor(*watcher, "progress");
    ASSERT_EQ(reading.rows.size(), 1U);
    EXPECT_EQ(cell(reading, 0, "phase"), "reading");
    EXPECT_EQ(cell(reading, 0, "loss"), "NULL");
    append(*trainer, rows);
    const client::MonitorTable read = monitor(*watcher, "progress");
    EXPECT_EQ(cell(read, 0, "step"), "1000");
    EXPECT_EQ(cell(read, 0, "loss"), "NULL");
    EXPECT_NE(cell(read, 0, "rows_per_second"), "NULL");
    client::request_run(*trainer);
    client::send_all(*trainer);

    EXPECT_TRUE(eventually([&] {
        const client::MonitorTable progress = monitor(*watcher, "progress");
        return progress.rows.size() == 1 && cell(progress, 0, "phase") == "training" &&
               cell(progress, 0, "loss") != "NULL";
    }));
    const client::MonitorTable progress = monitor(*watcher, "progress");
    EXPECT_EQ(cell(progress, 0, "model"), "example");
    EXPECT_EQ(cell(progress, 0, "method"), "mlp");
    EXPECT_EQ(cell(progress, 0, "epochs"), "100000");
    EXPECT_EQ(cell(progress, 0, "session"), "1");

    const client::MonitorTable pool = monitor(*watcher, "pool");
    // The job's state, and the region that steps share.
    ASSERT_EQ(pool.rows.size(), 2U);
    const std::size_t job = cell(pool, 0, "session") == "1" ? 0 : 1;
    EXPECT_EQ(cell(pool, job, "purpose"), "train");
    EXPECT_EQ(cell(pool, job, "label"), "example");
    EXPECT_EQ(cell(pool, job, "state"), "granted");
    EXPECT_EQ(std::stoull(cell(pool, 0, "bytes")) + std::stoull(cell(pool, 1, "bytes")),
              engine.resources().pool.summary().used);
    EXPECT_EQ(cell(pool, 1 - job, "session"), "0");
    EXPECT_EQ(cell(pool, 1 - job, "resident_bytes"), "NULL");

    const std::uint64_t extent = std::stoull(cell(pool, job, "resident_bytes"));
    EXPECT_EQ(cell(pool, job, "waits_for"), "NULL");
    EXPECT_GT(std::stoull(cell(pool, job, "state_bytes")), 0U);
    EXPECT_LE(std::stoull(cell(pool, job, "state_bytes")), std::stoull(cell(pool, job, "bytes")));
    EXPECT_GT(std::stoull(cell(pool, job, "step_bytes")), 0U);
    EXPECT_EQ(std::stoull(cell(pool, job, "comfortable_bytes")), extent) << "nothing moves";
    EXPECT_EQ(cell(pool, job, "swapped_bytes"), "0");
    EXPECT_EQ(cell(pool, job, "copied_in"), "0");
    EXPECT_EQ(cell(pool, job, "replans"), "0");

    const client::MonitorTable tensors = monitor(*watcher, "tensors");
    EXPECT_GT(tensors.rows.size(), 10U);
    for (std::size_t row = 0; row < tensors.rows.size(); ++row) {
        EXPECT_EQ(cell(tensors, row, "job"), "example");
        EXPECT_LE(std::stoull(cell(tensors, row, "offset")) + std::stoull(cell(tensors, row, "bytes")), extent);
    }
}

TEST(Monitor, ThePlanOfARunningTrainingIsShown) {
    TestEngine engine;
    const auto trainer = engine.connect("trainer");
    const BlockBuilder rows = example_rows(1000);
    begin_training(*trainer, rows, kManyEpochs);
    append(*trainer, rows);
    client::request_run(*trainer);
    client::send_all(*trainer);
    const auto watcher = engine.connect("watcher");
    client::MonitorTable plan;
    ASSERT_TRUE(eventually([&] {
        plan = plan_of(*watcher, "example");
        return !plan.rows.empty();
    }));
    for (std::size_t row = 0; row < plan.rows.size(); ++row) {
        EXPECT_NE(cell(plan, row, "program"), "NULL");
        EXPECT_NE(cell(plan, row, "kind"), "scratch");
        EXPECT_EQ(cell(plan, row, "decision"), "keep");  // the pool is large enough
        EXPECT_EQ(cell(plan, row, "copied_in"), "0");
        EXPECT_EQ(cell(plan, row, "copy_seconds"), "0");
    }
    EXPECT_FALSE(plan_of(*watcher, "example", "alice").rows.empty());
    EXPECT_TRUE(plan_of(*watcher, "example", "bob").rows.empty());
    EXPECT_TRUE(plan_of(*watcher, "another").rows.empty());
    const auto elsewhere = engine.connect_silently();
    client::request_hello(*elsewhere, {kBuildId, getpid(), "alice", "another database", "watcher"});
    client::expect<protocol::HelloReply>(client::exchange(*elsewhere));
    EXPECT_TRUE(plan_of(*elsewhere, "example").rows.empty());
}

TEST(Monitor, QueuedRequestsSayWhatTheyWaitFor) {
    TestEngine engine;
    TensorPool& pool = engine.resources().pool;
    const Extent all = pool.acquire(pool.summary().size, {1, 1, "train", "greedy"}, {}, nullptr);
    StopFlag stop{false};
    const auto wait = [&](std::uint64_t session) {
        EXPECT_EQ(sqlstate_of([&] {
                      pool.acquire(1 << 20, {session, 2, "train", "patient"}, {}, &stop);
                  }),
                  sqlstate::kQueryCanceled);
    };
    std::thread first([&] { wait(7); });
    EXPECT_TRUE(eventually([&] { return pool.summary().queued == 1; }));
    std::thread second([&] { wait(8); });
    EXPECT_TRUE(eventually([&] { return pool.summary().queued == 2; }));
    const auto watcher = engine.connect();
    const client::MonitorTable view = monitor(*watcher, "pool");
    stop = true;
    pool.wake();
    first.join();
    second.join();
    ASSERT_EQ(view.rows.size(), 3U);
    EXPECT_EQ(cell(view, 0, "waits_for"), "NULL");
    EXPECT_EQ(cell(view, 1, "waits_for"), "1 MB in one piece; 0 bytes are free, 0 bytes of them in one piece");
    EXPECT_EQ(cell(view, 2, "waits_for"), "the request of session 7 (train patient)");
    EXPECT_EQ(cell(view, 2, "state_bytes"), "NULL");
}

TEST(Monitor, AfterTrainingNothingIsLeft) {
    TestEngine engine;
    const auto connection = engine.connect();
    train_example(*connection);
    EXPECT_TRUE(eventually([&] { return monitor(*connection, "progress").rows.empty(); }));
    EXPECT_TRUE(monitor(*connection, "tensors").rows.empty());
    EXPECT_TRUE(monitor(*connection, "pool").rows.empty());
}

TEST(Monitor, ALoadedModelIsSharedByAllSessions) {
    TestEngine engine;
    const auto connection = engine.connect();
    load(*connection, train_example(*connection));
    const client::MonitorTable pool = monitor(*connection, "pool");
    ASSERT_EQ(pool.rows.size(), 1U);
    EXPECT_EQ(cell(pool, 0, "session"), "0");
    EXPECT_EQ(cell(pool, 0, "pid"), "NULL");
    EXPECT_EQ(cell(pool, 0, "purpose"), "model");
}

TEST(Monitor, ManyRowsTakeManyPackets) {
    TestEngine engine;
    std::vector<std::unique_ptr<client::Connection>> trainers;
    for (int i = 0; i < 3; ++i) {
        trainers.push_back(engine.connect());
        const BlockBuilder rows = example_rows(200);
        begin_training(*trainers.back(), rows, R"({"epochs": 100000, "patience": 0, "validation": 0,
            "hidden": [8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8]})");
        append(*trainers.back(), rows);
        client::request_run(*trainers.back());
        client::send_all(*trainers.back());
    }
    const auto watcher = engine.connect();
    const auto packets_of_tensors = [&] {
        client::request_monitor(*watcher, "tensors");
        client::send_all(*watcher);
        client::MonitorTable table;
        int packets = 1;
        while (client::append_monitor_rows(client::receive(*watcher), table))
            ++packets;
        return packets;
    };
    EXPECT_TRUE(eventually([&] { return packets_of_tensors() > 1; }));
    EXPECT_EQ(monitor(*watcher, "engine").rows.size(), 1U);
}

TEST(Monitor, AnUnknownViewIsAnErrorAndTheSessionGoesOn) {
    TestEngine engine;
    const auto connection = engine.connect();
    EXPECT_EQ(sqlstate_of([&] { monitor(*connection, "pools"); }), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(monitor(*connection, "engine").rows.size(), 1U);
}

}  // namespace
}  // namespace tensile::test
