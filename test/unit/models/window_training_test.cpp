// The training on windows: it learns, keeps the best weights, ignores missing targets, goes on after an interruption
// with the same bits, and says when it diverges. The network is a linear map, so that the results are known.
#include "models/forecast/window_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "graph/ops/bias_add.h"
#include "graph/ops/dropout.h"
#include "graph/ops/matmul.h"
#include "models/forecast/window_network.h"
#include "models/initializers.h"
#include "support/interpreted_job.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using testing::InterpretedJob;

constexpr std::int64_t kPast = 4;
constexpr std::int64_t kAhead = 2;

class LinearWindowNetwork final : public WindowNetwork {
  public:
    explicit LinearWindowNetwork(bool static_rows = false, double dropout = 0)
        : static_rows_(static_rows), dropout_(dropout) {
        parameters_.resize(2);
        parameters_[0] = {
            {"weight", {DType::kF32, {kPast, kAhead}}, Recovery::kCheckpointed, true, normal_content(3, 0, 0.3)}, true};
        parameters_[1] = {{"bias", {DType::kF32, {kAhead}}, Recovery::kCheckpointed, true, constant_content(0)}, false};
    }

    std::span<const Parameter> parameters() const override { return parameters_; }
    std::span<Parameter> parameters() { return parameters_; }
    std::span<const WindowInput> inputs() const override { return inputs_; }
    std::span<const WindowInput> targets() const override { return targets_; }
    bool needs_static_rows() const override { return static_rows_; }

    ValueId forward(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const override {
        ValueId x = inputs[0];
        if (random.valid() && dropout_ > 0) x = ops::dropout(builder, x, random, dropout_, 0);
        x = ops::matmul(builder, x, builder.variable("weight", parameters_[0].variable.type));
        return ops::bias_add(builder, x, builder.variable("bias", parameters_[1].variable.type));
    }
    WindowLoss loss(ProgramBuilder& builder, ValueId prediction, std::span<const ValueId>,
                    std::span<const ValueId> targets) const override {
        return squared_window_loss(builder, prediction, targets[0], targets[1]);
    }

  private:
    bool static_rows_;
    double dropout_;
    std::vector<Parameter> parameters_;
    std::vector<WindowInput> inputs_ = {{"past", DType::kF32, kPast}};
    std::vector<WindowInput> targets_ = {{"target", DType::kF32, kAhead}, {"present", DType::kF32, kAhead}};
};

// Targets are linear in the past; those for which hidden() holds are marked as missing and hold `filler`.
class LinearSamples final : public WindowSamples {
  public:
    LinearSamples(std::int64_t training, std::int64_t validation, double noise = 0)
        : training_(training), validation_(validation), noise_(noise) {}

    std::int64_t training_count() const override { return training_; }
    std::int64_t validation_count() const override { return validation_; }
    static float past(std::int64_t sample, std::int64_t lag) {
        return static_cast<float>(
            random_normal(1, static_cast<std::uint64_t>(lag), static_cast<std::uint64_t>(sample)));
    }
    float target(std::int64_t sample, std::int64_t ahead) const {
        const double noise =
            random_normal(2, static_cast<std::uint64_t>(ahead), static_cast<std::uint64_t>(sample)) * noise_;
        return static_cast<float>((ahead == 0 ? 0.5 : -1) * static_cast<double>(past(sample, 3)) +
                                  0.25 * static_cast<double>(past(sample, 0)) + 2 + noise);
    }
    bool hidden(std::int64_t sample, std::int64_t ahead) const {
        return hides_ && random_uniform(4, static_cast<std::uint64_t>(ahead), static_cast<std::uint64_t>(sample)) < 0.4;
    }
    void hide(float filler) {
        hides_ = true;
        filler_ = filler;
    }

    void write(std::int64_t sample, std::span<const TensorView> inputs, std::int64_t row) const noexcept override {
        for (std::int64_t lag = 0; lag < kPast; ++lag)
            inputs[0].as<float>()[row * kPast + lag] = past(sample, lag);
        for (std::int64_t ahead = 0; ahead < kAhead; ++ahead) {
            const bool missing = hidden(sample, ahead);
            inputs[1].as<float>()[row * kAhead + ahead] = missing ? filler_ : target(sample, ahead);
            inputs[2].as<float>()[row * kAhead + ahead] = missing ? 0.0F : 1.0F;
        }
    }

  private:
    std::int64_t training_;
    std::int64_t validation_;
    double noise_;
    bool hides_ = false;
    float filler_ = 0;
};

class RecordingJudge final : public WindowJudge {
  public:
    void begin() override { seen.clear(); }
    void take(std::span<const std::uint32_t> samples, const TensorView& prediction) override {
        for (std::size_t i = 0; i < samples.size(); ++i) {
            seen.push_back(samples[i]);
            first.push_back(prediction.as<float>()[i * kAhead]);
        }
    }
    std::vector<std::uint32_t> seen;
    std::vector<float> first;
};

WindowTrainingSettings settings() {
    WindowTrainingSettings result;
    result.epochs = 30;
    result.batch_size = 32;
    result.learning_rate = 0.02;
    result.patience = 0;
    result.seed = 7;
    return result;
}

std::map<std::string, std::vector<std::byte>> contents(InterpretedJob& job) {
    std::map<std::string, std::vector<std::byte>> result;
    for (auto& [name, tensor] : job.variables())
        result[name] = tensor.bytes;
    return result;
}

TEST(WindowTraining, LearnsALinearMapAndJudgesIt) {
    for (const bool static_rows : {false, true}) {
        const LinearWindowNetwork network(static_rows);
        const LinearSamples samples(301, 77);
        RecordingJudge judge;
        WindowTraining training(network, samples, settings(), &judge, nullptr);
        InterpretedJob job(training.job());
        job.run();
        EXPECT_LT(training.validation_loss(), 1e-4);
        EXPECT_NEAR(job.variables().at("bias").data<float>()[1], 2, 0.02);
        EXPECT_EQ(training.epochs_run(), 30);
        EXPECT_FALSE(training.stopped_early());
        // Each validation sample once, in order, with the final weights.
        ASSERT_EQ(judge.seen.size(), 77U);
        for (std::size_t i = 0; i < 77; ++i) {
            EXPECT_EQ(judge.seen[i], 301 + i);
            EXPECT_NEAR(judge.first[i], samples.target(301 + static_cast<std::int64_t>(i), 0), 0.05);
        }
        std::set<std::string> logged;
        for (const LogLine& line : training.take_log())
            logged.insert(line.metric);
        EXPECT_THAT(logged, ::testing::ElementsAre("learning_rate", "train_loss", "validation_loss"));
        EXPECT_EQ(training.progress().rows_trained, 30 * 301);
    }
}

TEST(WindowTraining, MissingTargetsHaveNoInfluence) {
    std::map<std::string, std::vector<std::byte>> results[2];
    for (const int run : {0, 1}) {
        const LinearWindowNetwork network;
        LinearSamples samples(100, 30);
        samples.hide(run == 0 ? 0.0F : 1e6F);
        WindowTrainingSettings options = settings();
        options.epochs = 100;
        WindowTraining training(network, samples, options, nullptr, nullptr);
        InterpretedJob job(training.job());
        job.run();
        results[run] = contents(job);
        EXPECT_LT(training.validation_loss(), 1e-2);
    }
    EXPECT_EQ(results[0], results[1]);
}

TEST(WindowTraining, GoesOnWhereItWasInterrupted) {
    const LinearWindowNetwork network(false, 0.2);
    const LinearSamples samples(90, 40, 0.5);
    WindowTrainingSettings options = settings();
    options.epochs = 4;
    options.patience = 2;
    options.optimizer.weight_decay = 0.01;
    RecordingJudge whole_judge;
    WindowTraining whole(network, samples, options, &whole_judge, nullptr);
    InterpretedJob whole_job(whole.job());
    whole_job.run();
    for (int interrupted_at = 1; interrupted_at <= whole_job.steps(); ++interrupted_at) {
        WindowTraining first(network, samples, options, nullptr, nullptr);
        InterpretedJob first_job(first.job());
        for (int step = 0; step < interrupted_at; ++step)
            if (!first_job.step()) break;
        RecordingJudge judge;
        WindowTraining second(network, samples, options, &judge, nullptr);
        InterpretedJob second_job(second.job());
        second_job.variables() = first_job.variables();
        second.job().driver->restore_state(first.job().driver->save_state());
        second_job.run();
        EXPECT_EQ(contents(second_job), contents(whole_job)) << interrupted_at;
        EXPECT_EQ(second.best_epoch(), whole.best_epoch());
        // Also when it had ended: what the judge saw is not part of the state.
        EXPECT_EQ(judge.seen, whole_judge.seen) << interrupted_at;
    }
}

TEST(WindowTraining, StopsEarlyWithTheBestWeights) {
    const LinearWindowNetwork network;
    const LinearSamples samples(12, 200, 2);
    WindowTrainingSettings options = settings();
    options.epochs = 400;
    options.patience = 6;
    options.learning_rate = 0.1;
    options.batch_size = 4;
    RecordingJudge judge;
    WindowTraining training(network, samples, options, &judge, nullptr);
    InterpretedJob job(training.job());
    job.run();
    ASSERT_TRUE(training.stopped_early());
    EXPECT_EQ(training.epochs_run(), training.best_epoch() + 6);
    // The weights at the end are those of the best epoch.
    EXPECT_EQ(job.variables().at("weight").bytes, job.variables().at("weight.best").bytes);
    double least = std::numeric_limits<double>::infinity();
    for (const LogLine& line : training.take_log())
        if (line.metric == "validation_loss") least = std::min(least, line.value);
    EXPECT_EQ(least, training.validation_loss());
}

TEST(WindowTraining, AnEpochMayDrawSomeOfTheSamples) {
    const LinearWindowNetwork network;
    const LinearSamples samples(300, 0);
    WindowTrainingSettings options = settings();
    options.epochs = 200;
    options.epoch_samples = 50;
    WindowTraining training(network, samples, options, nullptr, nullptr);
    InterpretedJob job(training.job());
    job.run();
    EXPECT_EQ(training.progress().rows_trained, 200 * 50);
    EXPECT_NEAR(job.variables().at("bias").data<float>()[0], 2, 0.02);
}

TEST(WindowTraining, StartsFromStoredWeights) {
    LinearWindowNetwork network;
    // weight 8 floats at 0, bias at 64.
    std::vector<float> stored(32);
    stored[5] = 3;
    stored[16] = 4;
    start_from(network.parameters(), std::as_bytes(std::span(stored)));
    const LinearSamples samples(10, 0);
    WindowTraining training(network, samples, settings(), nullptr, nullptr);
    InterpretedJob job(training.job());
    EXPECT_EQ(job.variables().at("weight").data<float>()[5], 3);
    EXPECT_EQ(job.variables().at("bias").data<float>()[0], 4);
    EXPECT_THROW(start_from(network.parameters(), std::as_bytes(std::span(stored)).first(64)), Error);
}

TEST(WindowTraining, SaysThatItDiverged) {
    const LinearWindowNetwork network;
    const LinearSamples samples(64, 16);
    WindowTrainingSettings options = settings();
    options.optimizer.kind = OptimizerKind::kSgd;
    options.learning_rate = 1e6;
    WindowTraining training(network, samples, options, nullptr, nullptr);
    InterpretedJob job(training.job());
    try {
        job.run();
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kDataException);
        EXPECT_THAT(error.message(), ::testing::HasSubstr("diverged"));
        EXPECT_THAT(error.hint(), ::testing::HasSubstr("learning_rate"));
    }
}

TEST(WindowTraining, RefusesToTrainOnNothing) {
    const LinearWindowNetwork network;
    const LinearSamples samples(0, 5);
    EXPECT_THROW(WindowTraining(network, samples, settings(), nullptr, nullptr), Error);
}

}  // namespace
}  // namespace tensile
