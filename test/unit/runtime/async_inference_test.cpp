// Predictions on a device whose memory the host cannot reach: the interpreter's bits, weights read back, staging that
// is pinned or not, and all of it given back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "runtime/inference.h"
#include "support/fake_device.h"
#include "tensor/random.h"
#include "unit/runtime/async_engine.h"
#include "unit/runtime/linear_model.h"

namespace tensile {
namespace {

constexpr ModelKey kKey{std::byte{7}};

std::vector<std::byte> random_weights() {
    std::vector<std::byte> weights(LinearModel().weight_bytes());
    for (std::size_t i = 0; i * sizeof(float) < weights.size(); ++i) {
        const auto value = static_cast<float>(random_uniform(3, 0, i) - 0.5);
        std::memcpy(weights.data() + i * sizeof(float), &value, sizeof value);
    }
    return weights;
}

std::shared_ptr<LoadedModel> load(InferenceCache& cache) {
    return cache.load(kKey, std::make_unique<LinearModel>(), random_weights(), std::nullopt, nullptr);
}

std::vector<float> predict(Device& device, LoadedModel& model, std::int64_t rows) {
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    std::vector<float> predicted;
    for (std::int64_t begin = 0; begin < rows;) {
        ContextLease context = model.borrow(rows - begin, nullptr);
        const std::int64_t count = std::min(rows - begin, context.capacity());
        for (std::int64_t i = 0; i < count * LinearModel::kFeatures; ++i)
            context.inputs()[0].as<float>()[i] = static_cast<float>(
                random_uniform(4, 0, static_cast<std::uint64_t>(begin * LinearModel::kFeatures + i)));
        EXPECT_EQ(context.run(*stream, count, nullptr), LaunchStatus::kCompleted);
        const float* const output = context.outputs()[0].as<float>();
        predicted.insert(predicted.end(), output, output + count);
        begin += count;
    }
    return predicted;
}

std::vector<float> expected(std::int64_t rows) {
    testing::FakeDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    InferenceCache cache(device, pool, 16);
    return predict(device, *load(cache), rows);
}

TEST(AsyncInference, PredictsWhatTheReferencePredicts) {
    for (const std::uint64_t pinned : {16 * kMegabyte, std::uint64_t{0}}) {
        AsyncEngine engine({.pinned_bytes = pinned});
        const std::uint64_t before = engine.host.used();
        const std::uint64_t pinned_before = engine.bridge->arena().used();
        {
            InferenceCache cache(*engine.device, engine.pool, 16, &*engine.bridge);
            const auto model = load(cache);
            EXPECT_EQ(model->read_weights(), random_weights());
            for (const std::int64_t rows : {1, 3, 16, 200, 5000})
                EXPECT_EQ(predict(*engine.device, *model, rows), expected(rows)) << rows;
            EXPECT_EQ(engine.bridge->arena().used() > pinned_before, pinned > 0);
            EXPECT_EQ(engine.host.used() > before, pinned == 0);
        }
        EXPECT_EQ(engine.host.used(), before);
        EXPECT_EQ(engine.bridge->arena().used(), pinned_before);
    }
}

TEST(AsyncInference, SessionsPredictAtOnceBesideATraining) {
    AsyncEngine engine;
    InferenceCache cache(*engine.device, engine.pool, 16, &*engine.bridge);
    const auto model = load(cache);
    const std::vector<float> wanted = expected(300);
    constexpr DeepJobOptions kJob{.layers = 4, .width = 16, .batch = 256, .steps = 6};
    {
        const std::jthread training([&] { engine.run(kJob); });
        std::vector<std::jthread> sessions;
        for (int i = 0; i < 3; ++i)
            sessions.emplace_back([&] {
                for (int round = 0; round < 4; ++round)
                    EXPECT_EQ(predict(*engine.device, *model, 300), wanted);
            });
    }
}

TEST(AsyncInference, AFaultEndsThePredictionOnly) {
    AsyncEngine engine;
    InferenceCache cache(*engine.device, engine.pool, 16, &*engine.bridge);
    const auto model = load(cache);
    predict(*engine.device, *model, 1);
    for (const testing::FakeFault::Call call : {testing::FakeFault::Call::kCopy, testing::FakeFault::Call::kLaunch}) {
        engine.plugin.inject({.call = call, .after = 0});
        EXPECT_THROW(predict(*engine.device, *model, 200), Error);
        EXPECT_EQ(predict(*engine.device, *model, 200), expected(200));
    }
}

}  // namespace
}  // namespace tensile
