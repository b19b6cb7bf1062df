// Plans that copy and compute again give the bits of the plan that moves nothing, over many executions, on the
// reference device and on the CPU, in memory and on disk; a stop or a broken disk leaves nothing under way.
#include "runtime/plan_executor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "memory/spill_file.h"
#include "runtime/program_instance.h"
#include "support/fake_device.h"
#include "support/memory_store.h"
#include "tensor/error.h"
#include "unit/runtime/allocation_probe.h"
#include "unit/runtime/linear_run.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {
namespace {

using testing::FakeDevice;
using testing::MemoryStore;

// A program whose plan moves tensors, in memory of its own.
struct Moving {
    Moving(Device& compute, const MovingPlanOptions& options, CopyLanes& copy_lanes)
        : device(compute),
          lanes(copy_lanes),
          planned(prepare_program(device, linear_step_program(kRows, kFeatures), {})) {
        const LoweredProgram& lowered = planned->executable->lowered();
        planned->plan = make_moving_plan(lowered, options);
        layout = lay_out_host_copies(lowered, planned->plan);
        state = allocate(planned->plan.state_bytes);
        step = allocate(planned->plan.step_bytes());
        constants = allocate(planned->constant_bytes);
        stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    }

    void start(HostStore& host) {
        store = &host;
        const HostCopies copies{&lanes, store, layout.offsets};
        const std::vector<std::byte*> variables(planned->program.variables().size(), nullptr);
        instance = std::make_unique<ProgramInstance>(
            planned, InstancePlaces{{state.get(), step.get()}, constants.get(), variables}, &copies);
        const Memory staging = allocate(1 << 20);
        for (std::size_t i = 0; i < variables.size(); ++i) {
            const TensorView view = at_home(i, staging.get());
            for (std::int64_t k = 0; k < view.type.shape.elements(); ++k)
                view.as<float>()[k] = initial_value(i, k);
            if (home(i) == Home::kHost)
                write_pieces(*store, host_offset(i), {staging.get(), aligned_size(view.type.bytes(), kCopyAlignment)});
        }
    }

    std::size_t tensor(std::size_t variable) const {
        return static_cast<std::size_t>(planned->variable_tensors[variable]);
    }
    Home home(std::size_t variable) const { return planned->plan.homes[tensor(variable)].home; }
    std::uint64_t host_offset(std::size_t variable) const { return layout.offsets[tensor(variable)]; }
    // Where a variable is between runs; in `staging` when that is the host store.
    TensorView at_home(std::size_t variable, std::byte* staging) const {
        const TensorType& type = planned->program.value(planned->program.variables()[variable]).type;
        if (home(variable) == Home::kHost) return view_of(type, staging);
        return view_of(type, state.get() + planned->plan.homes[tensor(variable)].offset);
    }

    // Moves the step region after each second step.
    Bits run(int steps) {
        Bits bits;
        const Memory other = allocate(planned->plan.step_bytes());
        for (int i = 0; i < steps; ++i) {
            EXPECT_EQ(instance->wait_for_feed(nullptr), LaunchStatus::kCompleted);
            feed(*instance, i);
            EXPECT_EQ(instance->run(*stream, nullptr), LaunchStatus::kCompleted);
            append(bits, instance->outputs()[0]);
            if (i % 2 == 0) continue;
            EXPECT_EQ(instance->drain(nullptr), LaunchStatus::kCompleted);
            std::memset(i % 4 == 1 ? step.get() : other.get(), 0xDD, planned->plan.step_bytes());
            instance->set_step_region(i % 4 == 1 ? other.get() : step.get());
        }
        EXPECT_EQ(instance->drain(nullptr), LaunchStatus::kCompleted);
        instance->set_step_region(step.get());
        const Memory staging = allocate(1 << 20);
        for (std::size_t i = 0; i < planned->program.variables().size(); ++i) {
            const TensorView view = at_home(i, staging.get());
            if (home(i) == Home::kHost)
                read_pieces(*store, host_offset(i), {staging.get(), aligned_size(view.type.bytes(), kCopyAlignment)});
            append(bits, view);
        }
        return bits;
    }

    Device& device;
    CopyLanes& lanes;
    std::shared_ptr<PlannedProgram> planned;
    HostLayout layout;
    Memory state;
    Memory step;
    Memory constants;
    std::unique_ptr<Stream> stream;
    HostStore* store = nullptr;
    std::unique_ptr<ProgramInstance> instance;
};

class PlanExecution : public ::testing::TestWithParam<MovingPlanOptions> {
  protected:
    Link link_;
    CopyLanes lanes_{link_};
};

TEST_P(PlanExecution, GivesTheBitsOfThePlanThatMovesNothing) {
    FakeDevice device;
    Moving moving(device, GetParam(), lanes_);
    ASSERT_FALSE(moving.planned->plan.moves_nothing());
    MemoryStore store(moving.layout.bytes);
    moving.start(store);
    EXPECT_EQ(moving.run(9), bits_in_place(device, 9));
    const MoveCounters counters = moving.instance->counters();
    EXPECT_EQ(counters.out_bytes > 0, GetParam().swaps || GetParam().host_variables);
    EXPECT_EQ(counters.in_bytes > 0, GetParam().swaps || GetParam().host_variables);
    EXPECT_EQ(counters.recompute_seconds > 0, GetParam().recomputes);
}

TEST_P(PlanExecution, OnTheCpuAndTheDiskToo) {
    CpuDevice device(2);
    Moving moving(device, GetParam(), lanes_);
    SpillSpace space(::testing::TempDir(), std::uint64_t{1} << 30);
    const auto file = space.try_create(moving.layout.bytes);
    moving.start(*file);
    EXPECT_EQ(moving.run(9), bits_in_place(device, 9));
}

// Whatever the copies' speed, ops wait for them, and they for ops.
TEST_P(PlanExecution, AnyTimingGivesTheSameBits) {
    for (const bool writes_are_slow : {false, true}) {
        FakeDevice device;
        Moving moving(device, GetParam(), lanes_);
        MemoryStore store(moving.layout.bytes);
        store.before = [&](const MemoryStore::Transfer& transfer) {
            if (transfer.is_write == writes_are_slow) std::this_thread::sleep_for(std::chrono::microseconds(200));
        };
        moving.start(store);
        EXPECT_EQ(moving.run(6), bits_in_place(device, 6));
        EXPECT_EQ(moving.instance->counters().stall_seconds > 0, GetParam().swaps || GetParam().host_variables);
    }
}

TEST_P(PlanExecution, RunsDoNotAllocate) {
    if (!testing::can_watch_heap()) GTEST_SKIP() << "a sanitizer owns the heap";
    FakeDevice device;
    Moving moving(device, GetParam(), lanes_);
    SpillSpace space(::testing::TempDir(), std::uint64_t{1} << 30);
    const auto file = space.try_create(moving.layout.bytes);
    moving.start(*file);
    for (int i = 0; i < 3; ++i)
        moving.instance->run(*moving.stream, nullptr);
    testing::start_watching_heap();
    for (int i = 0; i < 5; ++i) {
        moving.instance->wait_for_feed(nullptr);
        moving.instance->run(*moving.stream, nullptr);
    }
    moving.instance->drain(nullptr);
    EXPECT_EQ(testing::stop_watching_heap().allocations, 0U);
}

INSTANTIATE_TEST_SUITE_P(Plans, PlanExecution,
                         ::testing::Values(kSwaps, kRecomputes, kBoth, kHostVariables, kEverything));

class PlanExecutorTest : public ::testing::Test {
  protected:
    Link link_;
    CopyLanes lanes_{link_};
};

TEST_F(PlanExecutorTest, AStopLeavesNothingUnderWay) {
    FakeDevice device;
    Moving moving(device, kSwaps, lanes_);
    MemoryStore store(moving.layout.bytes);
    StopFlag stop{false};
    std::atomic<int> transfers{0};
    store.before = [&](const MemoryStore::Transfer&) {
        ++transfers;
        stop = true;
    };
    moving.start(store);
    feed(*moving.instance, 0);
    EXPECT_EQ(moving.instance->run(*moving.stream, &stop), LaunchStatus::kStopped);
    const int seen = transfers;
    const std::vector<std::byte> before(moving.step.get(), moving.step.get() + moving.planned->plan.step_bytes());
    EXPECT_THROW(static_cast<void>(moving.instance->drain(nullptr)), InternalError);
    moving.instance.reset();
    EXPECT_EQ(transfers, seen);
    EXPECT_EQ(std::memcmp(before.data(), moving.step.get(), before.size()), 0);
}

TEST_F(PlanExecutorTest, ABrokenDiskEndsTheRunWithItsError) {
    FakeDevice device;
    Moving moving(device, kSwaps, lanes_);
    MemoryStore store(moving.layout.bytes);
    store.before = [](const MemoryStore::Transfer& transfer) {
        if (!transfer.is_write) throw Error(sqlstate::kIoError, "could not read spill file", "Broken.");
    };
    moving.start(store);
    feed(*moving.instance, 0);
    try {
        moving.instance->run(*moving.stream, nullptr);
        FAIL() << "the error was lost";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kIoError);
    }
}

}  // namespace
}  // namespace tensile
