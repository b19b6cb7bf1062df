// Window networks trained on the CPU: the same bits for any number of threads, and what the interpreter learns too.
#include <gtest/gtest.h>

#include "device/cpu/cpu_device.h"
#include "memory/tensor_pool.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "window_network_fixture.h"

namespace tensile {
namespace {

using namespace testing;

struct Trained {
    std::vector<std::byte> weights;
    double rmse = 0;
};

Trained train(const char* method, const SeriesTable& table, const char* options, int threads) {
    SeriesSettings settings;
    settings.season = 12;
    settings.horizon = 6;
    settings.seed = 4;
    const auto fit = start_fit(method, table, settings, options);
    CpuDevice device(threads);
    TensorPool pool(device, std::uint64_t{64} << 20);
    Arbiter arbiter(device);
    JobMemory memory(pool, "", 0, {minimum_bytes, plan_job});
    JobRunner runner(device, arbiter, fit->job(), "test");
    runner.admit(memory, {1, 0, "train", "test"}, std::nullopt, nullptr);
    runner.run(nullptr, [] {});
    Trained result;
    for (std::size_t i = 0; i < fit->job().variables.size(); ++i) {
        const Variable& variable = fit->job().variables[i];
        if (!variable.is_weight) continue;
        const std::size_t begin = result.weights.size();
        result.weights.resize(begin + variable.type.bytes());
        runner.read_variable(static_cast<int>(i), std::span(result.weights).subspan(begin));
    }
    result.rmse = fit->metrics().back().value;
    return result;
}

TEST(WindowNetworksOnTheCpu, HaveTheSameBitsForAnyNumberOfThreads) {
    SeriesTable table = SeasonalTable{.steps = 200}.table();
    hide_cells(table, 0.1);
    for (const auto& [method, options] : std::initializer_list<std::pair<const char*, const char*>>{
             {"dlinear", R"({"look_back": 24, "epochs": 3})"},
             {"nlinear", R"({"look_back": 24, "epochs": 3, "loss": "quantile"})"},
             {"stid", R"({"look_back": 24, "width": 8, "epochs": 3})"},
             {"patch_transformer", R"({"look_back": 32, "layers": 2, "epochs": 2, "clip_norm": 1})"}}) {
        const Trained one = train(method, table, options, 1);
        EXPECT_EQ(one.weights, train(method, table, options, 2).weights) << method;
        EXPECT_EQ(one.weights, train(method, table, options, 4).weights) << method;
    }
}

TEST(WindowNetworksOnTheCpu, LearnWhatTheInterpreterLearns) {
    const SeriesTable table = SeasonalTable{.steps = 200}.table();
    constexpr const char* kOptions = R"({"look_back": 24, "width": 8, "heads": 2, "epochs": 2, "patch_length": 8,
                                         "patch_stride": 4, "feed_forward": 16})";
    SeriesSettings settings;
    settings.season = 12;
    settings.horizon = 6;
    settings.seed = 4;
    const FittedModel interpreted("patch_transformer", table, settings, kOptions);
    EXPECT_NEAR(train("patch_transformer", table, kOptions, 2).rmse, interpreted.metric("rmse_scaled"), 1e-3);
}

}  // namespace
}  // namespace tensile
