// Plans that copy and compute again, run by events and by lanes on a device that completes work later: the bits of the
// plan that moves nothing, whatever the speeds of link and kernels; a wait that is missing shows; runs do not allocate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <tuple>
#include <vector>

#include "memory/pinned_store.h"
#include "memory/spill_file.h"
#include "planner/checker.h"
#include "support/fake_device.h"
#include "tensor/random.h"
#include "unit/runtime/allocation_probe.h"
#include "unit/runtime/async_engine.h"
#include "unit/runtime/linear_run.h"

namespace tensile {
namespace {

using testing::FakeDevice;

enum class Tier { kPinned, kFile };

// The linear step with a plan that moves, in the pool of an engine.
struct AsyncMoving {
    AsyncMoving(AsyncEngine& owner, const MovingPlanOptions& options)
        : engine(owner), planned(prepare_program(*engine.device, linear_step_program(kRows, kFeatures), {})) {
        planned->plan = make_moving_plan(planned->executable->lowered(), options);
    }

    void start(Tier tier) {
        const LoweredProgram& lowered = planned->executable->lowered();
        const Plan& plan = planned->plan;
        layout = lay_out_host_copies(lowered, plan);
        if (tier == Tier::kPinned && layout.bytes > 0)
            store = std::make_unique<PinnedStore>(engine.bridge->arena().try_take(layout.bytes, "test"));
        else if (layout.bytes > 0)
            store = engine.memory->spill.try_create(layout.bytes);
        state = take(plan.state_bytes);
        step = take(plan.step_bytes());
        other_step = take(plan.step_bytes());
        constants = take(planned->constant_bytes);
        const HostCopies copies{&engine.memory->lanes, store.get(), layout.offsets};
        const std::vector<std::byte*> variables(planned->program.variables().size(), nullptr);
        instance = std::make_unique<ProgramInstance>(
            planned, InstancePlaces{{state.data(), step.data()}, constants.data(), variables, &*engine.bridge},
            &copies);
        stream = engine.device->create_stream(StreamClass::kCompute, StreamPriority::kTraining);
        for (std::size_t i = 0; i < variables.size(); ++i) {
            const Memory initial = allocate(type(i).bytes());
            for (std::int64_t k = 0; k < type(i).shape.elements(); ++k)
                reinterpret_cast<float*>(initial.get())[k] = initial_value(i, k);
            transfer(i, initial.get(), true);
        }
    }
    Extent take(std::uint64_t bytes) { return engine.pool.acquire(bytes, kOwner, std::nullopt, nullptr); }
    const TensorType& type(std::size_t variable) const {
        return planned->program.value(planned->program.variables()[variable]).type;
    }
    // Between where a variable is between runs and `memory`.
    void transfer(std::size_t variable, std::byte* memory, bool writes) {
        const auto tensor = static_cast<std::size_t>(planned->variable_tensors[variable]);
        const TensorHome& home = planned->plan.homes[tensor];
        const std::uint64_t bytes = type(variable).bytes();
        const std::uint64_t rounded = aligned_size(bytes, kCopyAlignment);
        if (home.home == Home::kHost && writes)
            store->write(layout.offsets[tensor], {memory, rounded});
        else if (home.home == Home::kHost)
            store->read(layout.offsets[tensor], {memory, rounded});
        else if (writes)
            engine.bridge->write(state.data() + home.offset, {memory, bytes});
        else
            engine.bridge->read({memory, bytes}, state.data() + home.offset);
    }
    void run_once(int number) {
        EXPECT_EQ(instance->wait_for_feed(nullptr), LaunchStatus::kCompleted);
        feed(*instance, number);
        EXPECT_EQ(instance->run(*stream, nullptr), LaunchStatus::kCompleted);
    }
    // Moves the step region after each second step.
    Bits run(int steps) {
        Bits bits;
        for (int i = 0; i < steps; ++i) {
            run_once(i);
            append(bits, instance->outputs()[0]);
            if (i % 2 == 0) continue;
            EXPECT_EQ(instance->drain(nullptr), LaunchStatus::kCompleted);
            instance->set_step_region((i % 4 == 1 ? other_step : step).data());
        }
        EXPECT_EQ(instance->drain(nullptr), LaunchStatus::kCompleted);
        for (std::size_t i = 0; i < planned->program.variables().size(); ++i) {
            const Memory last = allocate(type(i).bytes());
            transfer(i, last.get(), false);
            append(bits, view_of(type(i), last.get()));
        }
        return bits;
    }

    AsyncEngine& engine;
    std::shared_ptr<PlannedProgram> planned;
    HostLayout layout;
    std::unique_ptr<HostStore> store;
    Extent state;
    Extent step;
    Extent other_step;
    Extent constants;
    std::unique_ptr<Stream> stream;
    std::unique_ptr<ProgramInstance> instance;
};

Bits expected_bits(int steps) {
    FakeDevice device;
    return bits_in_place(device, steps);
}

// Speeds over four orders of magnitude, so that now the link is what all wait for, now the kernels.
testing::FakePluginOptions random_speeds(std::uint64_t seed) {
    const auto between = [&](std::uint64_t index, double low, double high) {
        return low * std::pow(high / low, random_uniform(seed, 77, index));
    };
    testing::FakePluginOptions options;
    options.launch_seconds = between(0, 1e-6, 1e-3);
    options.flops_per_second = between(1, 1e9, 1e13);
    options.memory_bytes_per_second = between(2, 1e9, 1e12);
    options.copy_latency = between(3, 1e-6, 1e-3);
    options.copy_bytes_per_second = between(4, 1e7, 1e11);
    return options;
}

class AsyncPlan : public ::testing::TestWithParam<std::tuple<MovingPlanOptions, Tier>> {
  protected:
    MovingPlanOptions options() const { return std::get<0>(GetParam()); }
    Tier tier() const { return std::get<1>(GetParam()); }
    bool copies() const { return options().swaps || options().host_variables; }
};

TEST_P(AsyncPlan, GivesTheBitsOfThePlanThatMovesNothing) {
    const Bits expected = expected_bits(9);
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        AsyncEngine engine({.plugin = random_speeds(seed)});
        AsyncMoving moving(engine, options());
        moving.start(tier());
        EXPECT_EQ(moving.run(9), expected) << seed;
        const MoveCounters counters = moving.instance->counters();
        EXPECT_EQ(counters.out_bytes > 0, copies());
        EXPECT_EQ(counters.in_bytes > 0, copies());
        EXPECT_EQ(counters.recompute_seconds > 0, options().recomputes);
        EXPECT_EQ(counters.stall_seconds > 0, copies());
    }
}

TEST_P(AsyncPlan, AStopInTheMiddleLeavesNothingUnderWay) {
    AsyncEngine engine;
    AsyncMoving moving(engine, options());
    moving.start(tier());
    moving.run_once(0);
    StopFlag stop{true};
    EXPECT_EQ(moving.instance->run(*moving.stream, &stop), LaunchStatus::kStopped);
    EXPECT_THROW(moving.instance->run(*moving.stream, nullptr), InternalError);
    moving.instance.reset();
    // Were a copy still under way, these would race with it.
    const std::vector<std::byte> zeros(moving.planned->plan.step_bytes());
    engine.bridge->write(moving.step.data(), zeros);
    moving.store.reset();
}

INSTANTIATE_TEST_SUITE_P(Plans, AsyncPlan,
                         ::testing::Combine(::testing::Values(kSwaps, kRecomputes, kBoth, kHostVariables, kEverything),
                                            ::testing::Values(Tier::kPinned, Tier::kFile)));

// In the device's time, which the host's clock knows nothing of.
TEST(AsyncPlanCosts, OpTimesAreThoseOfTheDevice) {
    constexpr double kLaunch = 2e-3;
    for (const Tier tier : {Tier::kPinned, Tier::kFile}) {
        AsyncEngine engine({.plugin = {.launch_seconds = kLaunch}});
        AsyncMoving moving(engine, kEverything);
        moving.start(tier);
        DeviceRates rates;
        rates.launch_seconds = kLaunch;
        CostModel model(rates);
        StepCosts costs(model, engine.device.get());
        costs.add(moving.planned->executable->lowered());
        for (int i = 0; i < 8; ++i) {
            feed(*moving.instance, i);
            EXPECT_EQ(moving.instance->run(*moving.stream, nullptr, costs.begin(0)), LaunchStatus::kCompleted);
            costs.learn(0);
        }
        EXPECT_EQ(moving.instance->drain(nullptr), LaunchStatus::kCompleted);
        EXPECT_FALSE(model.figures(100).empty());
        for (const double seconds : costs.expected_seconds(0)) {
            EXPECT_GT(seconds, 0.9 * kLaunch);
            EXPECT_LT(seconds, 1.2 * kLaunch);
        }
    }
}

// Whether the checker finds nothing wrong.
bool is_right(const LoweredProgram& program, const Plan& plan) {
    try {
        check_plan(program, plan);
        return true;
    } catch (const Error&) {
        return false;
    }
}

// Whether the fake complains of a few runs of the plan.
bool is_caught(const Plan& plan) {
    testing::FakePlugin plugin;
    CudaDevice device(plugin.as_library(), {0, 1, {}});
    HostBudget host(64 * kMegabyte);
    TensorPool pool(device, 32 * kMegabyte);
    DeviceBridge bridge(device, host, 16 * kMegabyte);
    const auto planned = prepare_program(device, linear_step_program(kRows, kFeatures), {});
    planned->plan = plan;
    const HostLayout layout = lay_out_host_copies(planned->executable->lowered(), plan);
    PinnedStore store(bridge.arena().try_take(layout.bytes, "test"));
    const auto take = [&](std::uint64_t bytes) { return pool.acquire(bytes, kOwner, std::nullopt, nullptr); };
    const Extent state = take(plan.state_bytes);
    const Extent step = take(plan.step_bytes());
    const Extent constants = take(planned->constant_bytes);
    const HostCopies copies{nullptr, &store, layout.offsets};
    const std::vector<std::byte*> variables(planned->program.variables().size(), nullptr);
    ProgramInstance instance(planned, {{state.data(), step.data()}, constants.data(), variables, &bridge}, &copies);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    for (int i = 0; i < 3; ++i) {
        feed(instance, i);
        instance.run(*stream, nullptr);
    }
    instance.drain(nullptr);
    return !plugin.complaints().empty();
}

// The plan of those options, and what becomes of it when one of the waits that it needs is missing.
std::vector<Plan> plans_without_a_wait(const MovingPlanOptions& options, Plan& right) {
    const testing::FakePlugin plugin;
    CudaDevice device(plugin.as_library(), {0, 1, {}});
    const auto planned = prepare_program(device, linear_step_program(kRows, kFeatures), {});
    const LoweredProgram& lowered = planned->executable->lowered();
    right = make_moving_plan(lowered, options);
    std::vector<Plan> wrong;
    for (std::size_t action = 0; action < right.actions.size(); ++action)
        for (const auto list : {&Action::waits, &Action::previous_waits})
            for (std::size_t i = 0; i < (right.actions[action].*list).size(); ++i) {
                Plan plan = right;
                auto& waits = plan.actions[action].*list;
                waits.erase(waits.begin() + static_cast<std::ptrdiff_t>(i));
                if (!is_right(lowered, plan)) wrong.push_back(std::move(plan));
            }
    return wrong;
}

// Where the host's distance to the device happens to order the two actions too, nothing can go wrong and nothing shows;
// but most must.
TEST(AsyncPlanWaits, AMissingWaitIsCaught) {
    for (const MovingPlanOptions& options : {kSwaps, kEverything}) {
        Plan right;
        const std::vector<Plan> wrong = plans_without_a_wait(options, right);
        EXPECT_GT(wrong.size(), 10U);
        EXPECT_FALSE(is_caught(right));
        std::size_t caught = 0;
        for (const Plan& plan : wrong)
            caught += is_caught(plan) ? 1 : 0;
        EXPECT_GT(caught, wrong.size() / 2) << wrong.size();
        RecordProperty("caught", static_cast<int>(caught));
    }
}

// A device that claims to be asynchronous and completes everything at once, without the fake's own allocations.
class PromptDevice final : public FakeDevice {
  public:
    bool is_synchronous() const override { return false; }
    std::byte* reserve_host_arena(std::size_t bytes) override {
        arena_ = allocate(bytes);
        return arena_.get();
    }

  private:
    Memory arena_;
};

TEST(AsyncPlanHeap, RunsDoNotAllocate) {
    if (!testing::can_watch_heap()) GTEST_SKIP() << "a sanitizer owns the heap";
    PromptDevice device;
    HostBudget host(64 * kMegabyte);
    TensorPool pool(device, 32 * kMegabyte);
    DeviceBridge bridge(device, host, 16 * kMegabyte);
    const auto planned = prepare_program(device, linear_step_program(kRows, kFeatures), {});
    planned->plan = make_moving_plan(planned->executable->lowered(), kEverything);
    const HostLayout layout = lay_out_host_copies(planned->executable->lowered(), planned->plan);
    PinnedStore store(bridge.arena().try_take(layout.bytes, "test"));
    const auto take = [&](std::uint64_t bytes) { return pool.acquire(bytes, kOwner, std::nullopt, nullptr); };
    const Extent state = take(planned->plan.state_bytes);
    const Extent step = take(planned->plan.step_bytes());
    const Extent constants = take(planned->constant_bytes);
    const HostCopies copies{nullptr, &store, layout.offsets};
    const std::vector<std::byte*> variables(planned->program.variables().size(), nullptr);
    ProgramInstance instance(planned, {{state.data(), step.data()}, constants.data(), variables, &bridge}, &copies);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    testing::start_watching_heap();
    for (int i = 0; i < 5; ++i) {
        instance.wait_for_feed(nullptr);
        instance.run(*stream, nullptr);
    }
    instance.drain(nullptr);
    EXPECT_EQ(testing::stop_watching_heap().allocations, 0U);
}

}  // namespace
}  // namespace tensile
