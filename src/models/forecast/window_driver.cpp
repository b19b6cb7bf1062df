// See window_driver.h.
#include "models/forecast/window_driver.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <nlohmann/json.hpp>

#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;
using Phase = EpochCourse::Phase;

std::vector<std::uint32_t> numbers(std::int64_t first, std::int64_t count) {
    std::vector<std::uint32_t> result(static_cast<std::size_t>(count));
    std::iota(result.begin(), result.end(), static_cast<std::uint32_t>(first));
    return result;
}

double scalar(const TensorView& view) {
    return static_cast<double>(*view.as<float>());
}

}  // namespace

WindowDriver::WindowDriver(const WindowSamples& samples, std::size_t sample_inputs, const Optimizer& optimizer,
                           const EpochSettings& settings, const Capacities& capacities, WindowJudge* judge,
                           const std::atomic<bool>* stop)
    : samples_(samples),
      sample_inputs_(sample_inputs),
      optimizer_(optimizer),
      seed_(settings.seed),
      capacities_(capacities),
      judge_(judge),
      stop_(stop),
      training_samples_(numbers(0, samples.training_count())),
      validation_samples_(numbers(samples.training_count(), samples.validation_count())),
      course_(settings, training_samples_, validation_samples_) {}

std::optional<int> WindowDriver::next() {
    switch (course_.phase()) {
    case Phase::kTrain:
        return kTrain;
    case Phase::kEvaluate:
    case Phase::kJudge:
        return kEvaluate;
    case Phase::kKeepBest:
        return kKeepBest;
    case Phase::kRestoreBest:
        return kRestoreBest;
    case Phase::kDone:
        break;
    }
    return std::nullopt;
}

void WindowDriver::feed(int program, Feeds feeds) {
    course_.prepare_step();
    if (!feeds.extents.empty()) feeds.extents[0] = static_cast<std::int64_t>(course_.rows_of_step().size());
    if (program != kTrain) return;
    const std::span<const TensorView> scalars = feeds.inputs.subspan(sample_inputs_);
    scalars[0].as<std::int64_t>()[0] = static_cast<std::int64_t>(seed_);
    scalars[0].as<std::int64_t>()[1] = course_.random_counter();
    for (std::size_t i = 1; i < scalars.size(); ++i)
        optimizer_.write_step(scalars[i].as<float>(), course_.learning_rate(), course_.step(), i == 2);
}

std::int64_t WindowDriver::feed_row_count(int program) const {
    return program == kTrain ? capacities_.training : program == kEvaluate ? capacities_.evaluation : 0;
}

void WindowDriver::feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept {
    if (program != kTrain && program != kEvaluate) return;
    const std::span<const TensorView> inputs = feeds.inputs.first(sample_inputs_);
    const std::span<const std::uint32_t> rows = course_.rows_of_step();
    const std::int64_t present = std::clamp(static_cast<std::int64_t>(rows.size()), begin, end);
    for (std::int64_t row = begin; row < present; ++row) {
        const std::uint32_t sample = rows[static_cast<std::size_t>(row)];
        if (course_.judges_further()) {
            judge_->write_further(sample, inputs, row);
        } else {
            samples_.write(sample, inputs, row);
        }
    }
    for (const TensorView& view : inputs) {
        const std::size_t row_bytes = static_cast<std::size_t>(view.type.shape.row_width()) * size_of(view.type.dtype);
        std::memset(view.as<std::byte>() + static_cast<std::size_t>(present) * row_bytes, 0,
                    static_cast<std::size_t>(end - present) * row_bytes);
    }
}

void WindowDriver::observe(int program, std::span<const TensorView> outputs) {
    static_cast<void>(program);
    switch (course_.phase()) {
    case Phase::kTrain:
        return after_training_step(outputs);
    case Phase::kEvaluate:
    case Phase::kJudge:
        return after_evaluation_step(outputs);
    case Phase::kKeepBest:
    case Phase::kRestoreBest:
        return course_.finish_copy();
    case Phase::kDone:
        return;
    }
}

void WindowDriver::after_training_step(std::span<const TensorView> outputs) {
    last_loss_ = scalar(outputs[0]);
    if (!std::isfinite(last_loss_))
        course_.reject_divergence("training loss", "step " + std::to_string(course_.step() + 1));
    training_errors_ += scalar(outputs[1]);
    training_weights_ += scalar(outputs[2]);
    if (course_.finish_slice() && course_.finish_batch()) end_epoch();
}

void WindowDriver::after_evaluation_step(std::span<const TensorView> outputs) {
    throw_if_stopped(stop_);
    const bool judging = course_.phase() == Phase::kJudge;
    if (course_.evaluation_begins()) {
        validation_errors_ = validation_weights_ = 0;
        if (judging && !course_.judges_further()) judge_->begin();
    }
    validation_errors_ += scalar(outputs[0]);
    validation_weights_ += scalar(outputs[1]);
    if (judging) judge_->take(course_.rows_of_step(), outputs[2]);
    if (!course_.finish_evaluation_step()) return;
    if (judging) {
        const std::span<const std::uint32_t> further = judge_->further_samples();
        return further.empty() ? course_.finish_judging() : course_.judge_further(further);
    }
    if (!std::isfinite(validation_errors_))
        course_.reject_divergence("validation loss", "after step " + std::to_string(course_.step()));
    end_epoch();
}

void WindowDriver::end_epoch() {
    const auto mean = [](double sum, double count) { return count > 0 ? sum / count : 0; };
    course_.log("", "learning_rate", course_.last_learning_rate());
    course_.log("", "train_loss", mean(training_errors_, training_weights_));
    training_errors_ = training_weights_ = 0;
    if (!course_.validates()) {
        course_.end_epoch(std::nullopt);
        return;
    }
    const double loss = mean(validation_errors_, validation_weights_);
    course_.log("", "validation_loss", loss);
    course_.end_epoch(loss);
}

std::string WindowDriver::save_state() const {
    const Json json = {{"course", course_.to_json()},
                       {"training_errors", training_errors_},
                       {"training_weights", training_weights_},
                       {"last_loss", last_loss_}};
    return json.dump();
}

void WindowDriver::restore_state(const std::string& state) {
    try {
        const Json json = Json::parse(state);
        course_.restore(json.at("course"));
        training_errors_ = json.at("training_errors").get<double>();
        training_weights_ = json.at("training_weights").get<double>();
        last_loss_ = json.at("last_loss").get<double>();
    } catch (const nlohmann::json::exception& error) {
        throw Error(sqlstate::kDataCorrupted, "could not read the state of a training job", error.what());
    }
}

}  // namespace tensile
