// Whole trainings on the GPU through the runtime: loss curves beside the processor's, bits that two runs share, bits
// that do not depend on how little memory there is, and many trainings at once in half of what they would take.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "gpu/gpu_under_test.h"
#include "support/job_engine.h"
#include "support/network_trainings.h"
#include "tensor/error.h"

namespace tensile::test {

namespace {

constexpr std::uint64_t kRoom = 1 << 20;  // what a pool rounds up to, and more
// Of less, moving gains nothing: places are rounded up.
constexpr std::uint64_t kLeastUnderPressure = 1 << 20;

NetworkTraining training_of(std::string_view network) {
    return network_training(network, test_scale(), test_steps());
}

TrainingOutcome run_with_room(Device& device, std::string_view network) {
    const std::uint64_t need = comfortable_bytes_of(device, training_of(network));
    JobEngine engine(device, 2 * need + kRoom, ::testing::TempDir());
    return engine.run(training_of(network));
}

std::uint64_t free_bytes(GpuUnderTest& gpu) {
    return gpu.device().hardware().value().free_bytes;
}

std::string in_exponents(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2e", value);
    return text;
}

class GpuTraining : public ::testing::TestWithParam<std::string_view> {};

TEST_P(GpuTraining, FollowsTheLossCurveOfTheProcessor) {
    CpuDevice processor(0);
    const TrainingOutcome expected = run_with_room(processor, GetParam());
    const TrainingOutcome found = run_with_room(GpuUnderTest().device(), GetParam());
    ASSERT_EQ(expected.losses.size(), static_cast<std::size_t>(test_steps()));
    ASSERT_EQ(found.losses.size(), expected.losses.size());
    float greatest = 0;
    double difference = 0;
    for (std::size_t step = 0; step < expected.losses.size(); ++step) {
        ASSERT_TRUE(std::isfinite(expected.losses[step]) && std::isfinite(found.losses[step])) << "step " << step;
        greatest = std::max(greatest, std::abs(expected.losses[step]));
        difference = std::max(difference, std::abs(static_cast<double>(found.losses[step]) - expected.losses[step]));
    }
    ASSERT_GT(greatest, 0);
    difference /= greatest;
    print_figure("curve." + std::string(GetParam()), in_exponents(difference));
    EXPECT_LE(difference, 1e-3);
}

TEST_P(GpuTraining, TwoRunsGiveTheSameBits) {
    const TrainingOutcome first = run_with_room(GpuUnderTest().device(), GetParam());
    const TrainingOutcome second = run_with_room(GpuUnderTest().device(), GetParam());
    EXPECT_EQ(first.losses, second.losses);
    EXPECT_TRUE(first.variables == second.variables);
    print_figure("bits." + std::string(GetParam()), first.variables == second.variables ? "equal" : "different");
}

INSTANTIATE_TEST_SUITE_P(Networks, GpuTraining, ::testing::ValuesIn(network_names().begin(), network_names().end()),
                         [](const auto& info) { return std::string(info.param); });

class GpuPressure : public ::testing::TestWithParam<std::string_view> {};

TEST_P(GpuPressure, ChangesNoBit) {
    constexpr double kBudget = 0.6;
    const TrainingOutcome with_room = run_with_room(GpuUnderTest().device(), GetParam());
    GpuUnderTest gpu;
    const std::uint64_t need = comfortable_bytes_of(gpu.device(), training_of(GetParam()));
    if (need < kLeastUnderPressure) GTEST_SKIP() << "takes only " << need << " bytes";
    JobEngine engine(gpu.device(), static_cast<std::uint64_t>(kBudget * static_cast<double>(need)),
                     ::testing::TempDir());
    const TrainingOutcome under_pressure = engine.run(training_of(GetParam()));
    const MoveCounters& moved = under_pressure.usage.moved;
    EXPECT_TRUE(moved.in_bytes + moved.out_bytes > 0 || moved.recompute_seconds > 0);
    EXPECT_EQ(under_pressure.losses, with_room.losses);
    EXPECT_TRUE(under_pressure.variables == with_room.variables);
    EXPECT_LE(engine.pool().summary().high_water, engine.pool().summary().size);
    print_figure("pressure." + std::string(GetParam()),
                 under_pressure.variables == with_room.variables ? "equal" : "different");
}

// NET3's greatest op takes nearly all of what the network does.
INSTANTIATE_TEST_SUITE_P(Networks, GpuPressure, ::testing::Values("mlp", "resnet", "lstm", "transformer"),
                         [](const auto& info) { return std::string(info.param); });

TEST(GpuClients, SixteenTrainInHalfOfWhatTheyNeed) {
    constexpr int kClients = 16;
    const TrainingOutcome alone = run_with_room(GpuUnderTest().device(), "mlp");
    GpuUnderTest gpu;
    const std::uint64_t need = comfortable_bytes_of(gpu.device(), training_of("mlp"));
    const std::uint64_t before = free_bytes(gpu);
    JobEngine engine(gpu.device(), kClients * need / 2, ::testing::TempDir());
    const std::uint64_t with_pool = free_bytes(gpu);

    std::vector<std::string> failures(kClients);
    std::atomic<int> right{0};
    std::atomic<std::uint64_t> least_free{with_pool};
    {
        std::vector<std::jthread> clients;
        for (int client = 0; client < kClients; ++client)
            clients.emplace_back([&, client] {
                try {
                    const TrainingOutcome outcome = engine.run(training_of("mlp"));
                    right += outcome.variables == alone.variables ? 1 : 0;
                } catch (const Error& error) {
                    failures[static_cast<std::size_t>(client)] = error.what();
                }
                const std::uint64_t free = free_bytes(gpu);
                std::uint64_t seen = least_free;
                while (free < seen && !least_free.compare_exchange_weak(seen, free)) {
                }
            });
    }
    for (const std::string& failure : failures)
        EXPECT_EQ(failure, "");
    EXPECT_EQ(right.load(), kClients);
    const PoolSummary pool = engine.pool().summary();
    EXPECT_LE(pool.high_water, pool.size);
    EXPECT_EQ(pool.used, 0U);
    print_figure("clients.right", std::to_string(right));
    print_figure("clients.failed",
                 std::to_string(std::ranges::count_if(failures, [](const auto& text) { return !text.empty(); })));
    print_figure("clients.pool_bytes", std::to_string(pool.size));
    print_figure("clients.high_water_bytes", std::to_string(pool.high_water));
    // What the device lost to the pool, and to anything else while the clients ran.
    print_figure("clients.slab_bytes", std::to_string(before - with_pool));
    print_figure("clients.grown_bytes", std::to_string(with_pool - least_free));
}

}  // namespace

}  // namespace tensile::test
