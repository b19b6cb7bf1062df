// Graphs of the CUDA device: what is launched again and again is recorded once, replayed with the same results, and
// launched op by op where it cannot be recorded or has changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/device/cuda_rig.h"

namespace tensile::test {

namespace {

using ::testing::IsEmpty;

constexpr NetworkShape kSmall{.batch = 24, .features = 10, .hidden = 12};
constexpr std::size_t kRoom = std::size_t{1} << 20;

struct TrainingRun {
    explicit TrainingRun(CudaRig& rig, std::int64_t extent = 24)
        : program(training_program(kSmall)),
          run(rig.device(), program, {}, StreamPriority::kTraining, rig.take(kRoom)) {
        fill_network(run, program, extent);
    }
    void steps(int count) {
        for (int step = 0; step < count; ++step)
            ASSERT_EQ(run.run_sequence(), LaunchStatus::kCompleted);
    }
    Program program;
    DeviceRun run;
};

TEST(CudaGraphs, AreRecordedAfterTwoRunsAndReplayed) {
    CudaRig rig;
    TrainingRun training(rig);
    const std::uint64_t ops = training.program.nodes().size();
    training.steps(2);
    EXPECT_EQ(rig.plugin().counters().recorded_graphs, 0U);
    EXPECT_EQ(rig.plugin().counters().launches, 2 * ops);
    training.steps(4);
    EXPECT_EQ(rig.plugin().counters().recorded_graphs, 1U);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 4U);
    EXPECT_EQ(rig.plugin().counters().launches, 2 * ops);
    EXPECT_EQ(network_state(training.run, training.program), interpreted_state(training.program, 24, 6));
    EXPECT_THAT(rig.plugin().complaints(), IsEmpty());
}

// Kernels take extents from the host when they are recorded.
TEST(CudaGraphs, BelongToTheirExtents) {
    CudaRig rig;
    TrainingRun training(rig, 17);
    // Another extent has other rows; the variables go on.
    Interpreter<float> interpreter(training.program);
    const auto fill = [&](std::int64_t extent) {
        interpreter.set_extent("batch", extent);
        training.run.set_extent("batch", extent);
    };
    for (const auto ids : {training.program.inputs(), training.program.variables()})
        for (const ValueId id : ids) {
            HostTensor& tensor = interpreter.tensor(training.program.value(id).name);
            fill_network_tensor(training.program.value(id).name, TensorView{tensor.bytes.data(), tensor.type, 0}, 17);
        }
    for (int epoch = 0; epoch < 4; ++epoch)
        for (const std::int64_t extent : {17, 17, 5}) {
            fill(extent);
            training.steps(1);
            interpreter.run();
        }
    EXPECT_EQ(rig.plugin().counters().recorded_graphs, 2U);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 8U);
    EXPECT_EQ(training.run.output("loss").as<float>()[0], interpreter.output("loss").data<float>()[0]);
    EXPECT_EQ(std::memcmp(training.run.tensor("layer_0/weight").data, interpreter.tensor("layer_0/weight").bytes.data(),
                          sizeof(float) * 120),
              0);
}

TEST(CudaGraphs, BelongToTheirAddresses) {
    CudaRig rig;
    TrainingRun training(rig);
    training.steps(3);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 1U);
    const auto there = rig.take(kRoom);
    training.run.move_to(there);
    training.steps(2);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 1U);
    training.steps(2);
    EXPECT_EQ(rig.plugin().counters().recorded_graphs, 2U);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 3U);
    EXPECT_EQ(network_state(training.run, training.program), interpreted_state(training.program, 24, 7));
    EXPECT_THAT(rig.plugin().complaints(), IsEmpty());
}

TEST(CudaGraphs, AreLimitedInNumber) {
    CudaRig rig;
    {
        TrainingRun training(rig);
        for (std::int64_t extent = 1; extent <= 20; ++extent) {
            training.run.set_extent("batch", extent);
            training.steps(3);
        }
        EXPECT_EQ(rig.plugin().counters().recorded_graphs, 20U);
        const auto with_graphs = rig.plugin().counters().open_objects;
        // Many more sequences that are run once only drive no graph out.
        for (std::int64_t extent = 1; extent <= 10; ++extent) {
            training.run.set_extent("batch", extent);
            training.steps(1);
        }
        EXPECT_EQ(rig.plugin().counters().recorded_graphs, 20U);
        EXPECT_EQ(rig.plugin().counters().open_objects, with_graphs - 1);  // it made room once
        training.run.set_extent("batch", 20);
        training.steps(1);
        EXPECT_EQ(rig.plugin().counters().graph_launches, 21U);
    }
}

TEST(CudaGraphs, WhatCannotBeRecordedIsLaunchedOpByOp) {
    CudaRig rig({.refuses_graphs = true});
    TrainingRun training(rig);
    training.steps(5);
    EXPECT_EQ(rig.plugin().counters().recorded_graphs, 0U);
    EXPECT_EQ(rig.plugin().counters().refused_graphs, 1U);  // and is not tried again
    EXPECT_EQ(rig.plugin().counters().launches, 5 * training.program.nodes().size());
    EXPECT_EQ(network_state(training.run, training.program), interpreted_state(training.program, 24, 5));
    EXPECT_THAT(rig.faults(), IsEmpty());
}

TEST(CudaGraphs, AreNotLaunchedWhenStopped) {
    CudaRig rig;
    TrainingRun training(rig);
    training.steps(3);
    const StopFlag stop{true};
    EXPECT_EQ(training.run.run_sequence(&stop), LaunchStatus::kStopped);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 1U);
    training.steps(1);
    EXPECT_EQ(rig.plugin().counters().graph_launches, 2U);
}

// A graph cannot be stopped, so a long sequence becomes several.
TEST(CudaGraphs, AreShort) {
    CudaRig rig({.multiprocessors = 1});
    const Program program = training_program({.batch = 128, .features = 128, .hidden = 256});
    DeviceRun run(rig.device(), program, {}, StreamPriority::kTraining, rig.take(8 << 20));
    fill_network(run, program, 128);
    for (int step = 0; step < 3; ++step)
        ASSERT_EQ(run.run_sequence(), LaunchStatus::kCompleted);
    EXPECT_GE(rig.plugin().counters().graph_launches, 2U);
    EXPECT_EQ(rig.plugin().counters().graph_launches, rig.plugin().counters().recorded_graphs);
    EXPECT_EQ(network_state(run, program), interpreted_state(program, 128, 3));
}

// Two parts in a row are expected to take more than the two milliseconds after which the host waits for earlier work.
TEST(CudaGraphs, TheHostDoesNotRunFarAheadOfThem) {
    constexpr int kSteps = 8;
    CudaRig rig({.multiprocessors = 1});
    const Program program = training_program({.batch = 128, .features = 128, .hidden = 256});
    DeviceRun run(rig.device(), program, {}, StreamPriority::kTraining, rig.take(8 << 20));
    fill_network(run, program, 128);
    for (int step = 0; step < 3; ++step)
        ASSERT_EQ(run.run_sequence(), LaunchStatus::kCompleted);
    const auto waits_of = [&](const StopFlag* stop) {
        const auto before = rig.plugin().counters().waits;
        run.run_sequence(stop);
        return rig.plugin().counters().waits - before;
    };
    const StopFlag stop{true};
    const auto of_copies = waits_of(&stop);
    const auto before = rig.plugin().counters().graph_launches;
    std::uint64_t waits = 0;
    for (int step = 0; step < kSteps; ++step)
        waits += waits_of(nullptr) - of_copies;
    const auto graphs = rig.plugin().counters().graph_launches - before;
    EXPECT_GE(graphs, 2U * kSteps);
    EXPECT_GE(waits, graphs / 2);
}

TEST(CudaGraphs, FailuresOfALaunchAreErrors) {
    CudaRig rig;
    TrainingRun training(rig);
    training.steps(3);
    rig.plugin().inject({.call = testing::FakeFault::Call::kGraphLaunch});
    try {
        training.run.run_sequence();
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "58030");
        EXPECT_EQ(error.message(), "could not launch a graph on the GPU: the GPU reported an error");
    }
    EXPECT_THAT(rig.faults(), IsEmpty());
    rig.plugin().inject({.call = testing::FakeFault::Call::kGraphLaunch, .sticky = true});
    EXPECT_THROW(training.run.run_sequence(), Error);
    EXPECT_EQ(rig.faults().size(), 1U);
}

}  // namespace

}  // namespace tensile::test
