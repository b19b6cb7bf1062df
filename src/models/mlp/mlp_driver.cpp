// See mlp_driver.h.
#include "models/mlp/mlp_driver.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

using Phase = EpochCourse::Phase;

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

std::vector<float> balanced_weights(const TargetEncoding& task) {
    double rows = 0;
    double occurring = 0;
    for (std::int64_t count : task.class_counts()) {
        rows += static_cast<double>(count);
        occurring += count > 0 ? 1 : 0;
    }
    std::vector<float> weights;
    for (std::int64_t count : task.class_counts())
        weights.push_back(count > 0 ? static_cast<float>(rows / (occurring * static_cast<double>(count))) : 1.0F);
    return weights;
}

EpochSettings epoch_settings(const MlpOptions& options, std::int64_t slices, const MlpProgramSet& programs) {
    EpochSettings settings;
    settings.epochs = options.epochs;
    settings.batch_size = options.batch_size;
    settings.slices = slices;
    settings.patience = options.patience;
    settings.evaluation_rows =
        programs.entries[static_cast<std::size_t>(programs.index_of(MlpProgramSet::kEvaluate))].capacity;
    settings.learning_rate = options.learning_rate;
    settings.schedule = options.schedule;
    settings.warmup_steps = options.warmup_steps;
    settings.seed = options.seed;
    return settings;
}

}  // namespace

int MlpProgramSet::index_of(Kind kind) const {
    const auto found = std::ranges::find(entries, kind, &Entry::kind);
    if (found == entries.end()) throw InternalError("an mlp job lacks a program");
    return static_cast<int>(found - entries.begin());
}

MlpDriver::MlpDriver(const PackedTable& data, std::span<const TargetEncoding> tasks, const MlpOptions& options,
                     MlpProgramSet programs, std::int64_t slices, const std::atomic<bool>* stop)
    : data_(data),
      tasks_(tasks),
      options_(options),
      optimizer_(options.optimizer),
      programs_(std::move(programs)),
      slices_(slices),
      stop_(stop),
      course_(epoch_settings(options, slices, programs_), data.training_rows(), data.validation_rows()),
      batch_losses_(tasks.size()),
      epoch_losses_(tasks.size()) {
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const bool balanced = options_.balanced_classes && tasks_[task].kind() != TaskKind::kRegression;
        class_weights_.push_back(balanced ? balanced_weights(tasks_[task]) : std::vector<float>{});
        const bool complete = std::ranges::none_of(
            data_.training_rows(), [&](std::uint32_t row) { return std::isnan(data_.target(task, row)); });
        all_rows_weigh_one_.push_back(complete && !balanced);
    }
    for (std::int64_t first = 0; std::int64_t width : data_.code_widths()) {
        first_code_.push_back(first);
        first += width;
    }
}

std::optional<int> MlpDriver::next() {
    switch (course_.phase()) {
    case Phase::kTrain:
        if (slices_ == 1) return programs_.index_of(MlpProgramSet::kTrain);
        if (course_.slice() == 0) return programs_.index_of(MlpProgramSet::kFirstSlice);
        if (course_.slice() + 1 == slices_) return programs_.index_of(MlpProgramSet::kLastSlice);
        return programs_.index_of(MlpProgramSet::kMiddleSlice);
    case Phase::kEvaluate:
        return programs_.index_of(MlpProgramSet::kEvaluate);
    case Phase::kKeepBest:
        return programs_.index_of(MlpProgramSet::kKeepBest);
    case Phase::kRestoreBest:
        return programs_.index_of(MlpProgramSet::kRestoreBest);
    case Phase::kJudge:
    case Phase::kDone:
        break;
    }
    return std::nullopt;
}

float MlpDriver::row_weight(std::size_t task, std::uint32_t row) const noexcept {
    const float target = data_.target(task, row);
    if (std::isnan(target)) return 0;
    const std::vector<float>& weights = class_weights_[task];
    return weights.empty() ? 1.0F : weights[static_cast<std::size_t>(target)];
}

double MlpDriver::inverse_weight(std::size_t task, std::span<const std::uint32_t> rows) const {
    if (all_rows_weigh_one_[task]) return 1 / static_cast<double>(rows.size());
    double sum = 0;
    for (std::uint32_t row : rows)
        sum += static_cast<double>(row_weight(task, row));
    return sum > 0 ? 1 / sum : 0;
}

void MlpDriver::feed(int program, Feeds feeds) {
    const MlpProgramSet::Entry& entry = programs_.entries[static_cast<std::size_t>(program)];
    course_.prepare_step();
    if (!feeds.extents.empty()) feeds.extents[0] = static_cast<std::int64_t>(course_.rows_of_step().size());
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
        const TensorView& view = feeds.inputs[i];
        switch (entry.inputs[i].role) {
        case MlpInputRole::kInverseWeight:
            *view.as<float>() = static_cast<float>(inverse_weight(entry.inputs[i].index, course_.rows_of_batch()));
            break;
        case MlpInputRole::kRandom:
            view.as<std::int64_t>()[0] = static_cast<std::int64_t>(options_.seed);
            view.as<std::int64_t>()[1] = course_.random_counter();
            break;
        case MlpInputRole::kConstantStep:
        case MlpInputRole::kDecayingStep:
            optimizer_.write_step(view.as<float>(), course_.learning_rate(), course_.step(),
                                  entry.inputs[i].role == MlpInputRole::kDecayingStep);
            break;
        default:
            break;
        }
    }
}

std::int64_t MlpDriver::feed_row_count(int program) const {
    return programs_.entries[static_cast<std::size_t>(program)].capacity;
}

void MlpDriver::feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept {
    const MlpProgramSet::Entry& entry = programs_.entries[static_cast<std::size_t>(program)];
    const std::span<const std::uint32_t> rows = course_.rows_of_step();
    const std::int64_t present = std::clamp(static_cast<std::int64_t>(rows.size()), begin, end);
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
        const auto [role, index] = entry.inputs[i];
        const TensorView& view = feeds.inputs[i];
        if (role > MlpInputRole::kRowWeight) continue;
        const std::int64_t width = view.type.shape.row_width();
        const auto row_bytes = at(width) * size_of(view.type.dtype);
        auto* out = static_cast<std::byte*>(view.data);
        switch (role) {
        case MlpInputRole::kNumbers:
            for (std::int64_t row = begin; row < present; ++row)
                std::memcpy(out + at(row) * row_bytes, data_.numbers(rows[at(row)]), row_bytes);
            break;
        case MlpInputRole::kCodes:
            for (std::int64_t row = begin; row < present; ++row)
                std::memcpy(out + at(row) * row_bytes, data_.codes(rows[at(row)]) + first_code_[index], row_bytes);
            break;
        case MlpInputRole::kTarget:
            for (std::int64_t row = begin; row < present; ++row) {
                const float target = data_.target(index, rows[at(row)]);
                const float known = std::isnan(target) ? 0.0F : target;
                if (view.type.dtype == DType::kI32) {
                    view.as<std::int32_t>()[row] = static_cast<std::int32_t>(known);
                } else {
                    view.as<float>()[row] = known;
                }
            }
            break;
        default:
            for (std::int64_t row = begin; row < present; ++row)
                view.as<float>()[row] = row_weight(index, rows[at(row)]);
            break;
        }
        std::memset(out + at(present) * row_bytes, 0, at(end - present) * row_bytes);
    }
}

void MlpDriver::observe(int program, std::span<const TensorView> outputs) {
    static_cast<void>(program);
    switch (course_.phase()) {
    case Phase::kTrain:
        return after_training_step(outputs);
    case Phase::kEvaluate:
        return after_evaluation_step(outputs);
    case Phase::kKeepBest:
    case Phase::kRestoreBest:
        return course_.finish_copy();
    case Phase::kJudge:
    case Phase::kDone:
        return;
    }
}

void MlpDriver::reject_divergence(std::size_t task, const std::string& when) const {
    course_.reject_divergence("loss of target \"" + tasks_[task].description().name + "\"", when);
}

void MlpDriver::after_training_step(std::span<const TensorView> outputs) {
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const double loss = static_cast<double>(*outputs[task].as<float>());
        if (!std::isfinite(loss)) reject_divergence(task, "step " + std::to_string(course_.step() + 1));
        batch_losses_[task] += loss;
    }
    const auto rows = static_cast<double>(course_.rows_of_batch().size());
    if (!course_.finish_slice()) return;
    last_loss_ = 0;
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        last_loss_ += batch_losses_[task];
        epoch_losses_[task] += rows * batch_losses_[task];
        batch_losses_[task] = 0;
    }
    if (course_.finish_batch()) end_epoch();
}

void MlpDriver::after_evaluation_step(std::span<const TensorView> outputs) {
    if (course_.evaluation_begins()) {
        scores_.clear();
        for (const TargetEncoding& task : tasks_)
            scores_.emplace_back(task.kind());
        validation_losses_.assign(tasks_.size(), 0);
    }
    const std::span<const std::uint32_t> rows = course_.rows_of_step();
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const TargetEncoding& encoding = tasks_[task];
        const std::int64_t width = encoding.outputs();
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const float target = data_.target(task, rows[i]);
            if (std::isnan(target)) continue;
            const float* prediction = outputs[task].as<float>() + at(static_cast<std::int64_t>(i) * width);
            if (encoding.kind() == TaskKind::kRegression) {
                const double error = static_cast<double>(*prediction) - static_cast<double>(target);
                const double size = std::abs(error);
                validation_losses_[task] += !options_.huber ? error * error
                                            : size <= 1     ? error * error / 2
                                                            : size - 0.5;
                scores_[task].add_number(encoding.to_units(static_cast<double>(*prediction)),
                                         encoding.to_units(static_cast<double>(target)));
            } else if (encoding.kind() == TaskKind::kBinary) {
                const auto probability = static_cast<double>(*prediction);
                validation_losses_[task] += log_loss_of(target == 1.0F ? probability : 1 - probability);
                scores_[task].add_binary(probability, target == 1.0F);
            } else {
                const auto truth = static_cast<std::int32_t>(target);
                const auto likeliest = std::max_element(prediction, prediction + width) - prediction;
                const auto probability = static_cast<double>(prediction[truth]);
                validation_losses_[task] += log_loss_of(probability);
                scores_[task].add_class(static_cast<std::int32_t>(likeliest), truth, probability);
            }
        }
    }
    if (!course_.finish_evaluation_step()) return;
    for (std::size_t task = 0; task < tasks_.size(); ++task)
        if (!std::isfinite(validation_losses_[task]))
            reject_divergence(task, "after step " + std::to_string(course_.step()));
    end_epoch();
}

void MlpDriver::end_epoch() {
    course_.log("", "learning_rate", course_.last_learning_rate());
    const auto training_rows = static_cast<double>(course_.batches().rows);
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        course_.log(tasks_[task].description().name, "train_loss", epoch_losses_[task] / training_rows);
        epoch_losses_[task] = 0;
    }
    if (!course_.validates()) {
        course_.end_epoch(std::nullopt);
        return;
    }

    double loss = 0;
    std::vector<TaskMetric> metrics;
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const std::string& name = tasks_[task].description().name;
        if (scores_[task].count() == 0) continue;  // no validation row has this target
        const double mean = validation_losses_[task] / static_cast<double>(scores_[task].count());
        loss += mean;
        course_.log(name, "validation_loss", mean);
        for (const auto& [metric, value] : scores_[task].metrics(stop_)) {
            metrics.push_back({name, std::string(metric), value});
            course_.log(name, "validation_" + std::string(metric), value);
        }
    }
    if (course_.end_epoch(loss)) metrics_ = std::move(metrics);
}

std::string MlpDriver::save_state() const {
    Json json = {{"course", course_.to_json()},
                 {"batch_losses", batch_losses_},
                 {"epoch_losses", epoch_losses_},
                 {"last_loss", last_loss_}};
    json["metrics"] = Json::array();
    for (const TaskMetric& metric : metrics_)
        json["metrics"].push_back({metric.task, metric.name, metric.value});
    return json.dump();
}

void MlpDriver::restore_state(const std::string& state) {
    try {
        const Json json = Json::parse(state);
        course_.restore(json.at("course"));
        batch_losses_ = json.at("batch_losses").get<std::vector<double>>();
        epoch_losses_ = json.at("epoch_losses").get<std::vector<double>>();
        last_loss_ = json.at("last_loss").get<double>();
        metrics_.clear();
        for (const Json& metric : json.at("metrics"))
            metrics_.push_back({metric.at(0), metric.at(1), metric.at(2)});
    } catch (const nlohmann::json::exception& error) {
        throw Error(sqlstate::kDataCorrupted, "could not read the state of a training job", error.what());
    }
    if (batch_losses_.size() != tasks_.size() || epoch_losses_.size() != tasks_.size())
        throw Error(sqlstate::kDataCorrupted, "state of a training job does not fit the job");
}

}  // namespace tensile
