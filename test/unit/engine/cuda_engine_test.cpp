// The engine on a CUDA device, played by a plug-in without CUDA whose memory the host cannot touch: whatever the engine
// does with a model must go through streams. Also what becomes of a device that fails.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>

#include "device/cuda/cuda_device.h"
#include "engine/cost_profile.h"
#include "engine/cuda_opener.h"
#include "protocol/exit_status.h"
#include "support/fake_plugin.h"
#include "unit/engine/test_engine.h"

namespace tensile::test {
namespace {

using tensile::testing::FakeFault;
using tensile::testing::FakePlugin;

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
constexpr std::string_view kDeepNetwork =
    R"({"epochs": 2, "hidden": [64, 64, 64, 64], "batch_size": 2048, "validation": 0, "seed": 7})";

Settings device_settings() {
    Settings settings = small_settings();
    settings.pinned_memory = 16 * kMegabyte;
    settings.spill_directory = std::filesystem::temp_directory_path();
    settings.spill_limit = 256 * kMegabyte;
    return settings;
}

// A plug-in and the engine on its device 0.
class CudaEngine {
  public:
    explicit CudaEngine(const Settings& settings = device_settings(), DeviceFaultHandler on_fault = {})
        : engine_(settings,
                  std::make_unique<CudaDevice>(plugin_.as_library(), CudaDeviceOptions{0, 2, std::move(on_fault)})) {}

    FakePlugin& plugin() { return plugin_; }
    TestEngine& engine() { return engine_; }
    std::unique_ptr<client::Connection> connect() { return engine_.connect(); }
    // Out of the pool, to the pinned arena and the spill file.
    std::uint64_t moved_bytes() {
        const JobMemory& jobs = engine_.resources().jobs;
        return jobs.bridge->moved_bytes(CopyDirection::kOut) + jobs.lanes.traffic(CopyDirection::kOut).moved_bytes;
    }

  private:
    FakePlugin plugin_;
    TestEngine engine_;
};

std::string one_cell(client::Connection& connection, std::string_view column) {
    const client::MonitorTable table = monitor(connection, "engine");
    const auto found = std::ranges::find(table.columns, column);
    require(found != table.columns.end(), "no such column");
    return table.rows.at(0).at(static_cast<std::size_t>(found - table.columns.begin())).value_or("NULL");
}

TEST(CudaEngine, TellsWhatItRunsOn) {
    CudaEngine engine;
    const auto connection = engine.connect();
    EXPECT_EQ(one_cell(*connection, "device"), "cuda");
    EXPECT_NE(one_cell(*connection, "device_name"), "NULL");
    EXPECT_NE(one_cell(*connection, "driver"), "NULL");
    EXPECT_EQ(one_cell(*connection, "pool_size"), std::to_string(64 * kMegabyte));
    EXPECT_EQ(one_cell(*connection, "pinned_limit"), std::to_string(16 * kMegabyte));
    const std::uint64_t total = std::stoull(one_cell(*connection, "device_memory"));
    EXPECT_EQ(std::stoull(one_cell(*connection, "device_free")), total - 64 * kMegabyte);
    EXPECT_GE(std::stoull(one_cell(*connection, "host_used")), 16 * kMegabyte);
}

TEST(CudaEngine, TrainsAndPredictsAsTheCpuDoes) {
    CudaEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel model = train_example(*connection);
    EXPECT_NE(model.manifest.find("\"trained_on\":{\"device\":\"cuda\""), std::string_view::npos);
    open_slot(*connection, 1, model, example_features(1));
    const Predicted on_device = predict(*connection, 1, example_features(300));

    TestEngine cpu;
    const auto elsewhere = cpu.connect();
    open_slot(*elsewhere, 1, model, example_features(1));
    const Predicted on_cpu = predict(*elsewhere, 1, example_features(300));
    const client::TrainedModel same_rows = train_example(*elsewhere);
    ASSERT_EQ(same_rows.weights.size(), model.weights.size());
    for (std::size_t row = 0; row < 300; ++row)
        ASSERT_NEAR(on_device.y[row], on_cpu.y[row], 1e-4) << row;
    ASSERT_EQ(same_rows.metrics.size(), model.metrics.size());
    for (std::size_t i = 0; i < model.metrics.size(); ++i)
        EXPECT_NEAR(model.metrics[i].value, same_rows.metrics[i].value, 1e-2) << model.metrics[i].name;
    EXPECT_TRUE(engine.plugin().complaints().empty()) << engine.plugin().complaints().front();
}

TEST(CudaEngine, ARowAloneAndAmongManyHasTheSameBits) {
    CudaEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel model = train_example(*connection);
    open_slot(*connection, 1, model, example_features(1));
    const Predicted together = predict(*connection, 1, example_features(300));
    for (const int row : {0, 17, 299}) {
        const Predicted alone = predict(*connection, 1, example_features(1, row));
        EXPECT_EQ(alone.y.at(0), together.y[static_cast<std::size_t>(row)]) << row;
    }
}

// Bytes with which nothing of that training moves.
std::uint64_t comfortable_bytes() {
    CudaEngine engine;
    const auto trainer = engine.connect();
    std::string endless(kDeepNetwork);
    endless.replace(endless.find("\"epochs\": 2"), 11, "\"epochs\": 100000");
    begin_training(*trainer, example_rows(1), endless);
    append(*trainer, example_rows(4000));
    client::request_run(*trainer);
    client::send_all(*trainer);
    const auto watcher = engine.connect();
    std::string bytes;
    require(eventually([&] {
                const client::MonitorTable pool = monitor(*watcher, "pool");
                const auto column = std::ranges::find(pool.columns, "comfortable_bytes") - pool.columns.begin();
                for (const auto& row : pool.rows)
                    bytes = row[static_cast<std::size_t>(column)].value_or(bytes);
                return !bytes.empty();
            }),
            "the training does not run");
    return std::stoull(bytes);
}

TEST(CudaEngine, HalfThePoolGivesTheSameModel) {
    const std::uint64_t need = comfortable_bytes();
    ModelKey key{};
    {
        CudaEngine engine;
        const auto connection = engine.connect();
        key = train_example(*connection, 4000, kDeepNetwork).key;
        EXPECT_EQ(engine.moved_bytes(), 0U);
    }
    for (const std::uint64_t pinned : {16 * kMegabyte, std::uint64_t{0}}) {
        Settings settings = device_settings();
        settings.pool_size = need / 2;
        settings.pinned_memory = pinned;
        CudaEngine engine(settings);
        const auto connection = engine.connect();
        EXPECT_EQ(train_example(*connection, 4000, kDeepNetwork).key, key) << pinned;
        EXPECT_GT(engine.moved_bytes(), 0U);
        EXPECT_LE(engine.engine().resources().pool.summary().high_water, need / 2);
        EXPECT_TRUE(engine.plugin().complaints().empty()) << engine.plugin().complaints().front();
    }
}

TEST(CudaEngine, SeriesAreForecast) {
    CudaEngine engine;
    const auto connection = engine.connect();
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (int hour = 0; hour < 400; ++hour) {
        times.push_back(std::int64_t{hour} * 3'600'000'000);
        values.push_back(std::sin(hour * 0.2618) + 0.001 * hour);
    }
    BlockBuilder rows;
    rows.timestamp("ts", times).number("value", values);
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    const std::string_view options = R"({"epochs": 2, "horizon": 6, "look_back": 48, "seed": 1})";
    client::request_training(*connection, {"waves", "nlinear", options, {}, columns});
    client::expect<protocol::Accepted>(client::exchange(*connection));
    append(*connection, rows);
    client::request_run(*connection);
    const client::TrainedModel model = client::trained_model(client::exchange(*connection));
    load(*connection, model);
    client::SeriesDeclaration forecast;
    forecast.task = protocol::SeriesTask::Forecast;
    forecast.horizon = 6;
    forecast.level = 0.9;
    client::request_series(*connection, model.key, forecast);
    client::expect<protocol::Accepted>(client::exchange(*connection));
    client::request_run(*connection);
    const client::SeriesResult result = client::series_result(client::exchange(*connection));
    EXPECT_EQ(result.view.row_count, 6U);
    EXPECT_TRUE(engine.plugin().complaints().empty()) << engine.plugin().complaints().front();
}

TEST(CudaEngine, TrainsInBFloat16AndPredictsInFloat32) {
    CudaEngine engine;
    const auto connection = engine.connect();
    const client::TrainedModel model = train_example(
        *connection, 600, R"({"epochs": 5, "hidden": [16], "batch_size": 64, "seed": 7, "precision": "bf16"})");
    EXPECT_NE(model.manifest.find("\"precision\":\"bf16\""), std::string_view::npos);
    const AlgorithmChoices choices =
        algorithm_choices_in(model.cost_profile, engine.engine().resources().device.properties());
    EXPECT_FALSE(choices.empty());
    for (const auto& [problem, choice] : choices)
        EXPECT_NE(problem.find("} bfloat16"), std::string::npos) << problem;
    TestEngine cpu;
    const auto elsewhere = cpu.connect();
    open_slot(*elsewhere, 1, model, example_features(1));
    EXPECT_EQ(predict(*elsewhere, 1, example_features(10)).y.size(), 10U);
}

TEST(CudaEngine, ChosenAlgorithmsSurviveTheEngine) {
    std::string profile;
    ModelKey key{};
    {
        CudaEngine engine;
        const auto connection = engine.connect();
        client::TrainedModel model = train_example(*connection);
        profile = model.cost_profile;
        key = model.key;
        EXPECT_EQ(engine.plugin().counters().prepared_again, 0U);
        EXPECT_FALSE(algorithm_choices_in(profile, engine.engine().resources().device.properties()).empty());
    }
    CudaEngine engine;
    const auto connection = engine.connect();
    const BlockBuilder rows = example_rows(600);
    const std::vector<std::string_view> targets = {"y", "warm"};
    const std::vector<std::string_view> profiles = {profile};
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    client::TrainingDeclaration training{"example", "mlp", kFewEpochs, targets, columns};
    training.cost_profiles = profiles;
    client::request_training(*connection, training);
    client::expect<protocol::Accepted>(client::exchange(*connection));
    append(*connection, rows);
    client::request_run(*connection);
    EXPECT_EQ(client::trained_model(client::exchange(*connection)).key, key);
    EXPECT_GT(engine.plugin().counters().prepared_again, 0U);
}

TEST(CudaEngine, AFaultInATrainingReachesTheHandler) {
    std::mutex mutex;
    std::string told;
    CudaEngine engine(device_settings(), [&](const Error& error) {
        const std::lock_guard lock(mutex);
        if (told.empty()) told = in_one_line(error);
    });
    const auto connection = engine.connect();
    begin_training(*connection, example_rows(1), kManyEpochs);
    append(*connection, example_rows(1000));
    client::request_run(*connection);
    client::send_all(*connection);
    const auto watcher = engine.connect();
    ASSERT_TRUE(eventually([&] {
        const client::MonitorTable progress = monitor(*watcher, "progress");
        return progress.rows.size() == 1 && progress.rows[0][4] == "training" && progress.rows[0][7] != "0";
    }));
    engine.plugin().inject({.call = FakeFault::Call::kLaunch, .after = 3, .sticky = true});
    engine.plugin().inject({.call = FakeFault::Call::kGraphLaunch, .after = 3, .sticky = true});
    EXPECT_EQ(sqlstate_of([&] {
                  while (client::is_interim(client::receive(*connection))) {
                  }
              }),
              sqlstate::kIoError);
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(told.starts_with("could not ")) << told;
    EXPECT_TRUE(told.ends_with(": the GPU reported an error: The CUDA plug-in reports: an injected fault.")) << told;
}

TEST(DeviceFaultExit, EndsTheProcessWithALineOnceTheEngineServes) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const protocol::Descriptor reader(ends[0]);
    protocol::Descriptor writer(ends[1]);
    const Error error(sqlstate::kIoError, "could not run an operation on the GPU", "An illegal access.");
    Log log(writer.get());
    DeviceFaultExit faults(log);
    faults(error);  // not armed: the caller goes on, and another device may be chosen
    const pid_t child = fork();
    if (child == 0) {
        faults.arm();
        faults(error);
        _exit(0);
    }
    writer = protocol::Descriptor();
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(protocol::ExitStatus::kDeviceFault));
    std::string line(4096, '\0');
    line.resize(static_cast<std::size_t>(::read(reader.get(), line.data(), line.size())));
    EXPECT_EQ(line, "ERROR\tdevice fault: could not run an operation on the GPU: An illegal access.\n");
}

TEST(CudaOpener, AMissingPluginIsNamed) {
    const CudaOpener open = opener_of("/nowhere/tensile-cuda.so", 1, {});
    try {
        open(0);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kFeatureNotSupported);
        EXPECT_EQ(error.message(), "this installation has no CUDA plug-in");
        EXPECT_EQ(error.detail(), "There is no file \"/nowhere/tensile-cuda.so\".");
    }
}

TEST(CudaOpener, ThePluginLiesBesideTheExecutable) {
    EXPECT_EQ(plugin_path(), std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tensile-cuda.so");
}

}  // namespace
}  // namespace tensile::test
