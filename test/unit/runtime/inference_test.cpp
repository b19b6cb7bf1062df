// Models are loaded once, shared, predicted with at once by many threads, and leave when the pool wants their bytes.
#include "runtime/inference.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "graph/interpreter.h"
#include "support/fake_device.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/runtime/linear_job.h"
#include "unit/runtime/linear_model.h"

namespace tensile {
namespace {

using namespace std::chrono_literals;
using testing::FakeDevice;

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::int64_t kFeatures = LinearModel::kFeatures;

ModelKey key(int model) {
    ModelKey made{};
    made[0] = static_cast<std::byte>(model);
    return made;
}

std::vector<std::byte> weights(std::uint64_t seed, std::uint64_t bytes) {
    std::vector<std::byte> content(bytes);
    // Enough for the network; what follows is padding.
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(bytes / sizeof(float), 200); ++i) {
        const auto value = static_cast<float>(random_normal(seed, 0, i));
        std::memcpy(content.data() + i * sizeof(float), &value, sizeof value);
    }
    return content;
}

float feature(std::uint64_t row, std::uint64_t column) {
    return static_cast<float>(random_uniform(5, column, row) - 0.5);
}

std::vector<float> predict(Device& device, LoadedModel& model, std::int64_t first, std::int64_t rows) {
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    std::vector<float> result;
    while (rows > 0) {
        ContextLease lease = model.borrow(rows, nullptr);
        const std::int64_t count = std::min(rows, lease.capacity());
        for (std::int64_t row = 0; row < count; ++row)
            for (std::int64_t column = 0; column < kFeatures; ++column)
                lease.inputs()[0].as<float>()[row * kFeatures + column] =
                    feature(static_cast<std::uint64_t>(first + row), static_cast<std::uint64_t>(column));
        EXPECT_EQ(lease.run(*stream, count, nullptr), LaunchStatus::kCompleted);
        EXPECT_EQ(lease.outputs()[0].extent, count);
        const float* const output = lease.outputs()[0].as<float>();
        result.insert(result.end(), output, output + count);
        first += count;
        rows -= count;
    }
    return result;
}

std::vector<float> expected(std::uint64_t seed, std::int64_t rows) {
    const LinearModel model;
    const Program program = model.program(rows);
    Interpreter<float> interpreter(program);
    const std::vector<std::byte> content = weights(seed, model.weight_bytes());
    for (std::size_t i = 0; i < model.variables().size(); ++i) {
        HostTensor& tensor = interpreter.tensor(model.variables()[i].name);
        std::memcpy(tensor.bytes.data(), content.data() + model.weight_offsets()[i], tensor.bytes.size());
    }
    HostTensor& features = interpreter.tensor("features");
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < kFeatures; ++column)
            features.data<float>()[row * kFeatures + column] =
                feature(static_cast<std::uint64_t>(row), static_cast<std::uint64_t>(column));
    interpreter.run();
    const float* const output = interpreter.output("prediction").data<float>();
    return {output, output + rows};
}

std::shared_ptr<LoadedModel> load(InferenceCache& cache, int model, std::uint64_t padding = 0) {
    auto stored = std::make_unique<LinearModel>(padding);
    const std::vector<std::byte> content = weights(static_cast<std::uint64_t>(model), stored->weight_bytes());
    return cache.load(key(model), std::move(stored), content, 0ms, nullptr);
}

TEST(CapacityBuckets, TheSmallestThatHoldsTheRows) {
    EXPECT_EQ(capacity_for(1), 1);
    EXPECT_EQ(capacity_for(2), 16);
    EXPECT_EQ(capacity_for(16), 16);
    EXPECT_EQ(capacity_for(257), 4096);
    EXPECT_EQ(capacity_for(1000000), 4096);
}

TEST(Inference, PredictsWhatTheInterpreterPredicts) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    EXPECT_EQ(cache.find(key(1)), nullptr);
    const auto model = load(cache, 1);
    EXPECT_EQ(cache.find(key(1)), model);
    EXPECT_EQ(model->key(), key(1));
    EXPECT_EQ(model->stored().label(), "linear");
    for (const std::int64_t rows : {1, 3, 16, 200, 5000}) {
        const std::vector<float> predicted = predict(device, *model, 0, rows);
        EXPECT_EQ(predicted, expected(1, rows)) << rows;
    }
    EXPECT_EQ(cache.program_counters().entries, 4U);
}

TEST(Inference, IdleContextsAreUsedAgain) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const auto model = load(cache, 1);
    predict(device, *model, 0, 1);
    const PoolSummary before = pool.summary();
    const int lowered = device.lowered_programs();
    for (int i = 0; i < 50; ++i)
        predict(device, *model, i, 1);
    EXPECT_EQ(pool.summary().granted, before.granted);
    EXPECT_EQ(pool.summary().used, before.used);
    EXPECT_EQ(device.lowered_programs(), lowered);
    {
        const ContextLease one = model->borrow(1, nullptr);
        const ContextLease two = model->borrow(1, nullptr);
        EXPECT_EQ(pool.summary().granted, before.granted + 1);
        EXPECT_NE(one.inputs()[0].data, two.inputs()[0].data);
    }
}

TEST(Inference, RowsBeyondTheBatchAreCleared) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const auto model = load(cache, 1);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    ContextLease lease = model->borrow(10, nullptr);
    EXPECT_EQ(lease.capacity(), 16);
    std::memset(lease.inputs()[0].data, 0xFF, lease.inputs()[0].type.bytes());
    std::vector<float> seen;
    EXPECT_EQ(lease.run(*stream, 0, nullptr), LaunchStatus::kCompleted);
    EXPECT_THROW(lease.run(*stream, 17, nullptr), InternalError);
    StopFlag stop{true};
    EXPECT_EQ(lease.run(*stream, 1, &stop), LaunchStatus::kStopped);
}

TEST(Inference, DamagedWeightsAreRefused) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    std::vector<std::byte> content = weights(1, LinearModel().weight_bytes() - 1);
    try {
        cache.load(key(1), std::make_unique<LinearModel>(), content, 0ms, nullptr);
        FAIL() << "short weights were loaded";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kDataCorrupted);
    }
    EXPECT_EQ(pool.summary().used, 0U);
    EXPECT_NE(load(cache, 1), nullptr) << "a failed load does not block the next";
}

TEST(Inference, SessionsThatLoadAtOnceShareOneModel) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    std::vector<std::shared_ptr<LoadedModel>> loaded(6);
    {
        std::vector<std::jthread> threads;
        for (auto& mine : loaded)
            threads.emplace_back([&] { mine = load(cache, 1); });
    }
    for (const auto& mine : loaded)
        EXPECT_EQ(mine, loaded[0]);
    EXPECT_EQ(cache.counters().loads, 1U);
    EXPECT_EQ(pool.summary().granted, 1);
}

TEST(Inference, TheLeastRecentlyUsedModelLeavesFirst) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    for (const int model : {1, 2, 3})
        load(cache, model, 4 * kMegabyte);
    predict(device, *cache.find(key(1)), 0, 1);
    load(cache, 4, 4 * kMegabyte);
    EXPECT_NE(cache.find(key(1)), nullptr);
    EXPECT_EQ(cache.find(key(2)), nullptr);
    EXPECT_NE(cache.find(key(3)), nullptr);
    EXPECT_EQ(cache.counters().model_evictions, 1U);
    // Coming back gives the same predictions.
    EXPECT_EQ(predict(device, *load(cache, 2, 4 * kMegabyte), 0, 20), expected(2, 20));
}

TEST(Inference, AModelInUseStays) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const auto held = load(cache, 1, 9 * kMegabyte);
    EXPECT_THROW(load(cache, 2, 9 * kMegabyte), Error);
    EXPECT_EQ(cache.find(key(1)), held);
}

TEST(Inference, NothingIsEvictedInVain) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const Extent job = pool.acquire(10 * kMegabyte, {1, 1, "train", "job"}, 0ms, nullptr);
    load(cache, 1, kMegabyte);
    EXPECT_FALSE(pool.try_acquire(12 * kMegabyte, {1, 1, "train", "job"}));
    EXPECT_NE(cache.find(key(1)), nullptr);
    EXPECT_TRUE(pool.try_acquire(6 * kMegabyte, {1, 1, "train", "job"}));
    EXPECT_EQ(cache.find(key(1)), nullptr);
}

TEST(Inference, IdleContextsLeaveWhileTheirModelIsInUse) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const auto model = load(cache, 1);
    predict(device, *model, 0, 4096);
    const std::uint64_t model_bytes = pool.rows()[0].bytes;
    EXPECT_GT(pool.summary().used, model_bytes);
    const Extent job = pool.acquire(pool.summary().size - model_bytes, {1, 1, "train", "job"}, 0ms, nullptr);
    EXPECT_EQ(cache.counters().context_evictions, 1U);
    EXPECT_EQ(cache.find(key(1)), model);
}

TEST(Inference, WithoutBytesForAContextPredictionsShareTheFloor) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const auto model = load(cache, 1);
    const Extent job = pool.acquire(pool.summary().largest_free, {1, 1, "train", "job"}, 0ms, nullptr);
    ASSERT_EQ(pool.summary().largest_free, 0U);
    EXPECT_EQ(model->borrow(4096, nullptr).capacity(), kFloorCapacity);
    std::vector<std::vector<float>> results(4);
    {
        std::vector<std::jthread> threads;
        for (auto& mine : results)
            threads.emplace_back([&] { mine = predict(device, *model, 0, 600); });
    }
    for (const auto& mine : results)
        EXPECT_EQ(mine, expected(1, 600));
}

TEST(Inference, AStopFlagEndsTheWaitForTheFloor) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    const auto model = load(cache, 1);
    const Extent job = pool.acquire(pool.summary().largest_free, {1, 1, "train", "job"}, 0ms, nullptr);
    const ContextLease floor = model->borrow(1, nullptr);
    StopFlag stop{false};
    std::string state;
    std::jthread waiter([&] {
        try {
            model->borrow(1, &stop);
        } catch (const Error& error) {
            state = error.sqlstate();
        }
    });
    stop = true;
    cache.wake();
    waiter.join();
    EXPECT_EQ(state, sqlstate::kQueryCanceled);
}

TEST(Inference, AJobInLineGetsTheBytesOfAPredictionThatEnds) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    std::optional<ContextLease> lease(load(cache, 1, 9 * kMegabyte)->borrow(1, nullptr));
    std::jthread job([&] { pool.acquire(16 * kMegabyte, {1, 1, "train", "job"}, std::nullopt, nullptr); });
    while (!pool.has_waiters())
        std::this_thread::yield();
    lease.reset();
    job.join();
    EXPECT_EQ(cache.find(key(1)), nullptr);
    EXPECT_EQ(pool.summary().used, 0U);
}

TEST(Inference, ManySessionsManyModelsLittleMemory) {
    FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 6);
    constexpr int kModels = 5;
    std::vector<std::vector<float>> truth;
    for (int model = 0; model < kModels; ++model)
        truth.push_back(expected(static_cast<std::uint64_t>(model), 300));
    std::atomic<int> wrong{0};
    std::atomic<int> served{0};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t seed = 0; seed < 5; ++seed)
            threads.emplace_back([&, seed] {
                for (std::uint64_t i = 0; i < 40; ++i) {
                    const auto which = static_cast<int>(random_below(seed, 0, i, kModels));
                    const auto rows = static_cast<std::int64_t>(1 + random_below(seed, 1, i, 300));
                    auto model = cache.find(key(which));
                    if (model == nullptr) {
                        auto stored = std::make_unique<LinearModel>(5 * kMegabyte);
                        const auto content = weights(static_cast<std::uint64_t>(which), stored->weight_bytes());
                        model = cache.load(key(which), std::move(stored), content, std::nullopt, nullptr);
                    }
                    const std::vector<float> result = predict(device, *model, 0, rows);
                    const auto& right = truth[static_cast<std::size_t>(which)];
                    if (!std::equal(result.begin(), result.end(), right.begin())) ++wrong;
                    ++served;
                }
            });
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(served, 200);
    EXPECT_GT(cache.counters().model_evictions, 0U);
    EXPECT_LE(pool.summary().high_water, 16 * kMegabyte);
}

}  // namespace
}  // namespace tensile
