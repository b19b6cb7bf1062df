// Streams and events of the CUDA device: what orders copies and launches and what does not, the stop flag, faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <vector>

#include "graph/ops/relu.h"
#include "unit/device/cuda_rig.h"

namespace tensile::test {

namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kRows = 1024;
constexpr std::int64_t kElements = kRows * 64;
constexpr std::size_t kBytes = kElements * sizeof(float);

// y = relu(x), of 256 KiB: a copy of it takes longer than the launch.
Program relu_program() {
    ProgramBuilder builder("relu");
    const ValueId x = builder.input("x", {DType::kF32, {kRows, 64}});
    builder.output("y", ops::relu(builder, x));
    return builder.finish();
}

class CudaStreams : public ::testing::Test {
  protected:
    CudaStreams() {
        std::vector<std::byte*> addresses;
        for (const LoweredTensor& tensor : executable_->lowered().tensors)
            addresses.push_back(rig_.take(tensor.bytes).data());
        x_ = addresses[0];
        y_ = addresses[1];
        binding_ = executable_->bind(addresses);
    }

    std::unique_ptr<Stream> stream(StreamClass stream_class) {
        return rig_.device().create_stream(stream_class, StreamPriority::kTraining);
    }
    void launch(Stream& stream) { ASSERT_EQ(stream.launch(*binding_, 0, {}), LaunchStatus::kCompleted); }
    void fill(Stream& stream, std::byte* target, float value) {
        const std::vector<float> values(kElements, value);
        stream.copy(target, bytes_of(values), kBytes);
        stream.synchronize();
    }
    static const std::byte* bytes_of(const std::vector<float>& values) {
        return reinterpret_cast<const std::byte*>(values.data());
    }
    static std::byte* bytes_of(std::vector<float>& values) { return reinterpret_cast<std::byte*>(values.data()); }

    CudaRig rig_;
    Program program_ = relu_program();
    std::unique_ptr<Executable> executable_ = rig_.device().lower(program_, {});
    std::unique_ptr<Binding> binding_;
    std::byte* x_ = nullptr;
    std::byte* y_ = nullptr;
};

TEST_F(CudaStreams, OneStreamRunsInOrder) {
    const auto compute = stream(StreamClass::kCompute);
    const std::vector<float> threes(kElements, 3);
    std::vector<float> result(kElements, 0);
    compute->copy(x_, bytes_of(threes), kBytes);
    launch(*compute);
    compute->copy(bytes_of(result), y_, kBytes);
    EXPECT_EQ(result[0], 0);  // nobody has waited yet
    compute->synchronize();
    EXPECT_THAT(result, Each(3));
    EXPECT_THAT(rig_.plugin().complaints(), IsEmpty());
}

TEST_F(CudaStreams, EventsOrderStreams) {
    const auto compute = stream(StreamClass::kCompute);
    const auto in = stream(StreamClass::kCopyIn);
    const auto out = stream(StreamClass::kCopyOut);
    const auto loaded = rig_.device().create_event();
    const auto computed = rig_.device().create_event();
    fill(*compute, x_, 1);
    const std::vector<float> threes(kElements, 3);
    std::vector<float> result(kElements, 0);
    in->copy(x_, bytes_of(threes), kBytes);
    in->record(*loaded);
    compute->wait_for(*loaded);
    launch(*compute);
    compute->record(*computed);
    out->wait_for(*computed);
    out->copy(bytes_of(result), y_, kBytes);
    out->synchronize();
    EXPECT_THAT(result, Each(3));
    EXPECT_TRUE(loaded->is_complete());
    EXPECT_TRUE(computed->is_complete());
    EXPECT_THAT(rig_.plugin().complaints(), IsEmpty());
}

// The same without the first wait: the launch overtakes the copy and reads what was there before.
TEST_F(CudaStreams, WithoutAWaitTheLaunchOvertakesTheCopy) {
    const auto compute = stream(StreamClass::kCompute);
    const auto in = stream(StreamClass::kCopyIn);
    fill(*compute, x_, 1);
    const std::vector<float> threes(kElements, 3);
    std::vector<float> result(kElements, 0);
    in->copy(x_, bytes_of(threes), kBytes);
    launch(*compute);
    compute->copy(bytes_of(result), y_, kBytes);
    compute->synchronize();
    EXPECT_THAT(result, Each(1));
    in->synchronize();
    ASSERT_THAT(rig_.plugin().complaints(), SizeIs(1));
    EXPECT_EQ(rig_.plugin().complaints()[0],
              "\"relu\" reads bytes that a copy of 262144 bytes writes, and nothing orders them");
}

// A race that the modelled times hide is found too: the copy of a few bytes is done before the launch reads them.
TEST_F(CudaStreams, RacesAreFoundWhereTheResultIsRight) {
    const auto compute = stream(StreamClass::kCompute);
    const auto in = stream(StreamClass::kCopyIn);
    const float three = 3;
    in->copy(x_, reinterpret_cast<const std::byte*>(&three), sizeof three);
    launch(*compute);
    compute->synchronize();
    in->synchronize();
    EXPECT_THAT(rig_.plugin().complaints(), SizeIs(1));
}

// Bytes that the host overwrites before the copy is complete arrive overwritten.
TEST_F(CudaStreams, TheSourceOfACopyMayNotBeReusedEarly) {
    const auto in = stream(StreamClass::kCopyIn);
    const auto done = rig_.device().create_event();
    std::vector<float> source(kElements, 3);
    std::vector<float> result(kElements, 0);
    in->copy(x_, bytes_of(source), kBytes);
    source.assign(kElements, 4);  // too early
    in->copy(bytes_of(result), x_, kBytes);
    in->synchronize();
    EXPECT_THAT(result, Each(4));

    in->copy(x_, bytes_of(source), kBytes);
    in->record(*done);
    done->wait();
    source.assign(kElements, 5);
    in->copy(bytes_of(result), x_, kBytes);
    in->synchronize();
    EXPECT_THAT(result, Each(4));
}

TEST_F(CudaStreams, EventsCompleteWhileTheHostLooks) {
    const auto in = stream(StreamClass::kCopyIn);
    const auto done = rig_.device().create_event();
    EXPECT_TRUE(done->is_complete());  // never recorded
    done->wait();
    const std::vector<float> source(kElements, 3);
    in->copy(x_, bytes_of(source), kBytes);
    in->record(*done);
    EXPECT_FALSE(done->is_complete());
    int looks = 1;
    while (!done->is_complete())
        ++looks;
    EXPECT_LT(looks, 10);  // of 20 us each; the copy takes 36
}

// A launch that has returned keeps the address it began with.
TEST_F(CudaStreams, AddressesMayChangeBehindALaunch) {
    const auto compute = stream(StreamClass::kCompute);
    fill(*compute, x_, 2);
    std::byte* const other = rig_.take(kBytes).data();
    fill(*compute, other, 7);
    launch(*compute);
    binding_->set_address(0, other);
    std::vector<float> result(kElements, 0);
    compute->copy(bytes_of(result), y_, kBytes);
    compute->synchronize();
    EXPECT_THAT(result, Each(2));
    launch(*compute);
    compute->copy(bytes_of(result), y_, kBytes);
    compute->synchronize();
    EXPECT_THAT(result, Each(7));
}

TEST_F(CudaStreams, AStopFlagEndsLaunches) {
    const auto compute = stream(StreamClass::kCompute);
    const StopFlag stop{true};
    const std::int32_t ops[] = {0};
    EXPECT_EQ(compute->launch(*binding_, 0, {{}, &stop}), LaunchStatus::kStopped);
    EXPECT_EQ(compute->launch_sequence(*binding_, ops, {{}, &stop}), LaunchStatus::kStopped);
    EXPECT_EQ(rig_.plugin().counters().launches, 0U);
    launch(*compute);
    EXPECT_EQ(rig_.plugin().counters().launches, 1U);
}

// A launch here is expected to take 18 us: 8 ms of them are under way at most, whatever is launched.
TEST_F(CudaStreams, TheHostDoesNotRunFarAhead) {
    const auto compute = stream(StreamClass::kCompute);
    fill(*compute, x_, 2);
    const auto waits = rig_.plugin().counters().waits;
    for (int i = 0; i < 100; ++i)
        launch(*compute);
    const auto early = rig_.plugin().counters().waits - waits;
    for (int i = 0; i < 4000; ++i)
        launch(*compute);
    const double behind = rig_.plugin().virtual_seconds();
    compute->synchronize();
    const double under_way = rig_.plugin().virtual_seconds() - behind;
    EXPECT_LE(early, 1U);
    EXPECT_GT(rig_.plugin().counters().waits - waits, 20U);
    EXPECT_LT(under_way, 10e-3);
    EXPECT_GT(under_way, 1e-3);
}

TEST_F(CudaStreams, ParallelForRunsOnHostThreads) {
    const auto compute = stream(StreamClass::kCompute);
    for (const std::int64_t count : {0, 1, 64, 65, 1000}) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
        compute->parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                ++seen[static_cast<std::size_t>(i)];
        });
        for (const auto& times : seen)
            ASSERT_EQ(times.load(), 1);
    }
}

TEST_F(CudaStreams, AFailureThatIsNotStickyIsAnError) {
    const auto compute = stream(StreamClass::kCompute);
    fill(*compute, x_, 2);
    rig_.plugin().inject({.after = 1});
    launch(*compute);
    try {
        launch(*compute);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "58030");
        EXPECT_EQ(error.message(),
                  "could not run an operation of program \"relu\" on the GPU: the GPU reported an error");
        EXPECT_EQ(error.detail(), "The CUDA plug-in reports: an injected fault.");
    }
    EXPECT_THAT(rig_.faults(), IsEmpty());
    launch(*compute);
    compute->synchronize();

    rig_.plugin().inject({.call = testing::FakeFault::Call::kCopy, .code = TENSILE_OUT_OF_MEMORY});
    const std::vector<float> source(kElements, 3);
    try {
        compute->copy(x_, bytes_of(source), kBytes);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "53200");
        EXPECT_EQ(error.message(), "could not copy to or from the GPU: out of memory");
    }
}

// A sticky failure strikes when the work runs: whoever calls next hears of it, and everybody after that.
TEST_F(CudaStreams, AStickyFailureReachesTheFaultHandler) {
    const auto compute = stream(StreamClass::kCompute);
    const auto in = stream(StreamClass::kCopyIn);
    const auto event = rig_.device().create_event();
    fill(*compute, x_, 2);
    rig_.plugin().inject({.sticky = true});
    launch(*compute);
    EXPECT_THAT(rig_.faults(), IsEmpty());
    EXPECT_THROW(compute->synchronize(), Error);
    ASSERT_THAT(rig_.faults(), SizeIs(1));
    EXPECT_EQ(rig_.faults()[0].sqlstate(), "58030");
    EXPECT_EQ(rig_.faults()[0].message(), "could not wait for the GPU: the GPU reported an error");
    std::vector<float> host(kElements, 0);
    EXPECT_THROW(compute->launch(*binding_, 0, {}), Error);
    EXPECT_THROW(in->copy(x_, bytes_of(host), kBytes), Error);
    EXPECT_THROW(in->record(*event), Error);
    EXPECT_THROW(in->wait_for(*event), Error);
    EXPECT_THROW(event->is_complete(), Error);
    EXPECT_THROW(event->wait(), Error);
    EXPECT_THROW(rig_.device().create_event(), Error);
    EXPECT_THROW(rig_.device().create_stream(StreamClass::kCompute, StreamPriority::kTraining), Error);
    EXPECT_THROW(rig_.device().hardware(), Error);
    EXPECT_GE(rig_.faults().size(), 9U);
}

TEST(CudaFaults, WithoutHandlerAStickyFailureIsAnErrorOnly) {
    testing::FakePlugin plugin;
    CudaDevice device(plugin.as_library(), {});
    const auto stream = device.create_stream(StreamClass::kCopyIn, StreamPriority::kTraining);
    std::byte* const slab = device.reserve_slab(4096);
    plugin.inject({.call = testing::FakeFault::Call::kCopy, .sticky = true});
    const std::byte source[64] = {};
    stream->copy(slab, source, sizeof source);
    EXPECT_THROW(stream->synchronize(), Error);
    EXPECT_THROW(stream->synchronize(), Error);
}

}  // namespace

}  // namespace tensile::test
