// Steps and predictions do not allocate: all tensor memory, scratch included, lies in the extent that was planned.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "runtime/inference.h"
#include "runtime/job_runner.h"
#include "support/fake_device.h"
#include "unit/runtime/allocation_probe.h"
#include "unit/runtime/linear_job.h"
#include "unit/runtime/linear_model.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {
namespace {

using testing::HeapTraffic;

class Heap : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!testing::can_watch_heap()) GTEST_SKIP() << "a sanitizer owns the heap";
    }

    // The heap's traffic from step `from` to the last.
    static HeapTraffic traffic_of_steps(Device& device, int from, const LinearJobOptions& options) {
        Arbiter arbiter(device);
        TensorPool pool(device, 64 << 20);
        JobMemory memory(pool, "", 0, no_planner());
        LinearJobLog log;
        log.losses.reserve(static_cast<std::size_t>(options.steps));
        log.rows_fed.reserve(static_cast<std::size_t>(options.steps));
        Job job = make_linear_job(options, log);
        JobRunner runner(device, arbiter, job, "linear");
        runner.admit(memory, {1, 1, "train", "linear"}, std::nullopt, nullptr);
        int step = 0;
        runner.run(nullptr, [&] {
            if (++step == from) testing::start_watching_heap();
        });
        return testing::stop_watching_heap();
    }
};

TEST_F(Heap, TheProbeSeesEveryKindOfAllocation) {
    testing::start_watching_heap();
    // Volatile: the compiler may leave out allocations that nobody looks at.
    void* volatile const aligned = std::aligned_alloc(64, 4096);
    void* volatile const plain = std::malloc(10);
    void* volatile const object = ::operator new(20);
    const HeapTraffic traffic = testing::stop_watching_heap();
    EXPECT_EQ(traffic.allocations, 3U);
    EXPECT_EQ(traffic.largest, 4096U);
    EXPECT_GE(traffic.growth, 4126);
    testing::start_watching_heap();
    std::free(aligned);
    std::free(plain);
    ::operator delete(object);
    EXPECT_LE(testing::stop_watching_heap().growth, -4126);
}

TEST_F(Heap, StepsOfTheRuntimeDoNotAllocate) {
    testing::FakeDevice device;
    LinearJobOptions options;
    options.steps = 200;
    options.two_programs = true;
    const HeapTraffic traffic = traffic_of_steps(device, 10, options);
    EXPECT_EQ(traffic.allocations, 0U);
    EXPECT_EQ(traffic.growth, 0);
}

// oneDNN takes about 400 bytes for each matrix product that it executes and gives them back.
TEST_F(Heap, StepsOnTheCpuTakeNoTensorMemory) {
    CpuDevice device(2);
    LinearJobOptions options;
    options.steps = 200;
    options.rows = 4096;
    options.features = 64;
    options.capacity = 512;
    options.two_programs = true;
    const HeapTraffic traffic = traffic_of_steps(device, 20, options);
    EXPECT_LE(traffic.largest, 4096U);
    EXPECT_LE(traffic.growth, 4096);
    EXPECT_GE(traffic.growth, -4096);
}

TEST_F(Heap, PredictionsOfALoadedModelDoNotAllocate) {
    testing::FakeDevice device;
    TensorPool pool(device, 64 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    InferenceCache cache(device, pool, 16);
    auto stored = std::make_unique<LinearModel>();
    const std::vector<std::byte> weights(stored->weight_bytes());
    const auto model = cache.load({}, std::move(stored), weights, std::nullopt, nullptr);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    const auto predict = [&](std::int64_t rows) {
        const auto found = cache.find({});
        ContextLease lease = found->borrow(rows, nullptr);
        std::memset(lease.inputs()[0].data, 0, lease.inputs()[0].type.bytes());
        return lease.run(*stream, rows, nullptr) == LaunchStatus::kCompleted;
    };
    for (const std::int64_t rows : {1, 10, 100})
        ASSERT_TRUE(predict(rows));
    testing::start_watching_heap();
    bool completed = true;
    for (int i = 0; i < 30; ++i)
        completed = completed && predict(1) && predict(10) && predict(100);
    const HeapTraffic traffic = testing::stop_watching_heap();
    EXPECT_TRUE(completed);
    EXPECT_EQ(traffic.allocations, 0U);
}

}  // namespace
}  // namespace tensile
