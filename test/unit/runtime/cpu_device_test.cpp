// Jobs and predictions on the real CPU device: same bits whatever the number of threads and whoever else runs, and
// close to the reference.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "runtime/inference.h"
#include "runtime/job_runner.h"
#include "support/fake_device.h"
#include "tensor/random.h"
#include "unit/runtime/linear_job.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {
namespace {

struct Outcome {
    LinearJobLog log;
    std::vector<float> weights;
    bool operator==(const Outcome& other) const { return weights == other.weights && log.losses == other.log.losses; }
};

Outcome run_job(Device& device, Arbiter& arbiter, JobMemory& memory, const LinearJobOptions& options,
                const std::function<void(int step)>& after_step = {}) {
    Outcome outcome;
    Job job = make_linear_job(options, outcome.log);
    JobRunner runner(device, arbiter, job, "linear");
    runner.admit(memory, {1, 1, "train", "linear"}, std::nullopt, nullptr);
    int step = 0;
    runner.run(nullptr, [&] {
        if (after_step) after_step(++step);
    });
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        std::vector<float> weights(static_cast<std::size_t>(job.variables[i].type.shape.elements()));
        runner.read_variable(static_cast<int>(i), std::as_writable_bytes(std::span(weights)));
        outcome.weights.insert(outcome.weights.end(), weights.begin(), weights.end());
    }
    return outcome;
}

LinearJobOptions usual_options() {
    LinearJobOptions options;
    options.rows = 1000;
    options.features = 40;
    options.capacity = 128;
    options.steps = 60;
    options.two_programs = true;
    return options;
}

TEST(CpuJobs, LearnLikeTheReference) {
    CpuDevice cpu(2);
    Arbiter cpu_arbiter(cpu);
    TensorPool cpu_pool(cpu, 64 << 20);
    JobMemory cpu_memory(cpu_pool, "", 0, no_planner());
    testing::FakeDevice fake;
    Arbiter fake_arbiter(fake);
    TensorPool fake_pool(fake, 64 << 20);
    JobMemory fake_memory(fake_pool, "", 0, no_planner());
    const Outcome fast = run_job(cpu, cpu_arbiter, cpu_memory, usual_options());
    const Outcome reference = run_job(fake, fake_arbiter, fake_memory, usual_options());
    ASSERT_EQ(fast.log.losses.size(), reference.log.losses.size());
    for (std::size_t i = 0; i < fast.log.losses.size(); ++i)
        EXPECT_NEAR(fast.log.losses[i], reference.log.losses[i], 1e-3F * (1 + reference.log.losses[i])) << i;
    EXPECT_LT(fast.log.losses.back(), 0.2F * fast.log.losses.front());
}

TEST(CpuJobs, BitsDoNotDependOnTheNumberOfThreads) {
    CpuDevice device(1);
    Arbiter arbiter(device);
    TensorPool pool(device, 64 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    const Outcome alone = run_job(device, arbiter, memory, usual_options());
    for (const int threads : {2, 4}) {
        device.set_threads(threads);
        EXPECT_EQ(run_job(device, arbiter, memory, usual_options()), alone) << threads;
    }
    const auto change = [&](int step) { device.set_threads(1 + step % 3); };
    EXPECT_EQ(run_job(device, arbiter, memory, usual_options(), change), alone) << "changed at every step";
}

TEST(CpuJobs, JobsAndPredictionsAtOnceGiveTheBitsOfEachAlone) {
    CpuDevice device(2);
    Arbiter arbiter(device);
    TensorPool pool(device, 64 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobOptions left = usual_options();
    LinearJobOptions right = usual_options();
    right.seed = 9;
    right.capacity = 64;
    const Outcome left_alone = run_job(device, arbiter, memory, left);
    const Outcome right_alone = run_job(device, arbiter, memory, right);
    Outcome left_shared;
    Outcome right_shared;
    {
        std::jthread one([&] { left_shared = run_job(device, arbiter, memory, left); });
        std::jthread other([&] { right_shared = run_job(device, arbiter, memory, right); });
    }
    EXPECT_EQ(left_shared, left_alone);
    EXPECT_EQ(right_shared, right_alone);
    EXPECT_EQ(pool.summary().used, 0U);
}

// A row gets the same prediction alone, in a small batch and in a large one.
TEST(CpuInference, BatchesDoNotChangeBits) {
    constexpr std::int64_t kFeatures = 33;
    CpuDevice device(2);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    std::vector<float> whole;
    for (const std::int64_t capacity : {4096, 256, 16, 1}) {
        const auto planned = plan_program(device, linear_forward_program(capacity, kFeatures), {true});
        std::vector<std::vector<float>> weights;
        std::vector<std::byte*> addresses;
        for (const ValueId id : planned->program.variables()) {
            const auto count = static_cast<std::size_t>(planned->program.value(id).type.shape.elements());
            std::vector<float>& weight = weights.emplace_back(count + 16);
            auto* const begin =
                reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(weight.data()) + 63) / 64 * 64);
            for (std::size_t i = 0; i < count; ++i)
                begin[i] = static_cast<float>(random_normal(3, weights.size(), i));
            addresses.push_back(reinterpret_cast<std::byte*>(begin));
        }
        std::vector<std::byte> room(planned->extent_bytes() + 64);
        auto* const transient =
            reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(room.data()) + 63) / 64 * 64);
        ProgramInstance instance(planned, transient, addresses);
        for (const std::int64_t rows : {capacity, std::max<std::int64_t>(capacity / 3, 1)}) {
            std::memset(instance.inputs()[0].data, 0xFF, instance.inputs()[0].type.bytes());
            for (std::int64_t i = 0; i < rows * kFeatures; ++i)
                instance.inputs()[0].as<float>()[i] =
                    static_cast<float>(random_uniform(4, 0, static_cast<std::uint64_t>(i)));
            instance.extents()[0] = rows;
            instance.clear_unused_rows();
            ASSERT_EQ(instance.run(*stream, nullptr), LaunchStatus::kCompleted);
            const float* const output = instance.outputs()[0].as<float>();
            if (whole.empty()) whole.assign(output, output + rows);
            EXPECT_EQ(std::memcmp(output, whole.data(), static_cast<std::size_t>(rows) * sizeof(float)), 0)
                << rows << " rows of " << capacity;
        }
    }
}

}  // namespace
}  // namespace tensile
