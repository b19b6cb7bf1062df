// See mlp_driver.h.
#include "models/mlp/mlp_driver.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

// Random streams of row orders: this, and the epoch.
constexpr std::uint64_t kShuffleStream = std::uint64_t{3} << 32;

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
      stop_(stop) {
    const auto rows = static_cast<std::int64_t>(data_.training_rows().size());
    batches_ = {rows, (rows + options_.batch_size - 1) / options_.batch_size};
    learning_rate_ = {options_.learning_rate, options_.schedule, options_.warmup_steps,
                      options_.epochs * batches_.parts};
    for (const MlpProgramSet::Entry& entry : programs_.entries)
        if (entry.kind == MlpProgramSet::kEvaluate) evaluation_rows_ = entry.capacity;
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
    start_epoch();
}

void MlpDriver::start_epoch() {
    batch_ = 0;
    slice_ = 0;
    evaluated_rows_ = 0;
    batch_losses_.assign(tasks_.size(), 0);
    epoch_losses_.assign(tasks_.size(), 0);
    phase_ = Phase::kTrain;
    reset_order();
}

void MlpDriver::reset_order() {
    order_.assign(data_.training_rows().begin(), data_.training_rows().end());
    shuffled_ = 0;
}

// Fisher and Yates, from the first row on, over the rows in their own order: no epoch depends on the one before.
void MlpDriver::shuffle_up_to(std::int64_t count) {
    const std::uint64_t stream = kShuffleStream + static_cast<std::uint64_t>(epoch_);
    const auto rows = static_cast<std::int64_t>(order_.size());
    for (; shuffled_ < count; ++shuffled_) {
        const auto rest = static_cast<std::uint32_t>(rows - shuffled_);
        const std::uint32_t drawn = random_below(options_.seed, stream, static_cast<std::uint64_t>(shuffled_), rest);
        std::swap(order_[at(shuffled_)], order_[at(shuffled_ + drawn)]);
    }
}

std::optional<int> MlpDriver::next() {
    switch (phase_) {
    case Phase::kTrain:
        if (slices_ == 1) return programs_.index_of(MlpProgramSet::kTrain);
        if (slice_ == 0) return programs_.index_of(MlpProgramSet::kFirstSlice);
        if (slice_ + 1 == slices_) return programs_.index_of(MlpProgramSet::kLastSlice);
        return programs_.index_of(MlpProgramSet::kMiddleSlice);
    case Phase::kEvaluate:
        return programs_.index_of(MlpProgramSet::kEvaluate);
    case Phase::kKeepBest:
        return programs_.index_of(MlpProgramSet::kKeepBest);
    case Phase::kRestoreBest:
        return programs_.index_of(MlpProgramSet::kRestoreBest);
    case Phase::kDone:
        break;
    }
    return std::nullopt;
}

std::span<const std::uint32_t> MlpDriver::evaluated_rows() const {
    if (!data_.validation_rows().empty()) return data_.validation_rows();
    return std::span(order_).subspan(at(batches_.begin(batches_.parts - 1)));
}

std::span<const std::uint32_t> MlpDriver::rows_of_step() const {
    if (phase_ == Phase::kEvaluate) {
        const std::span<const std::uint32_t> rest = evaluated_rows().subspan(at(evaluated_rows_));
        return rest.first(std::min(rest.size(), at(evaluation_rows_)));
    }
    if (phase_ != Phase::kTrain) return {};
    const std::int64_t begin = batches_.begin(batch_);
    const EvenParts slices{batches_.begin(batch_ + 1) - begin, slices_};
    return std::span(order_).subspan(at(begin + slices.begin(slice_)),
                                     at(slices.begin(slice_ + 1) - slices.begin(slice_)));
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
    if (phase_ == Phase::kTrain || phase_ == Phase::kEvaluate)
        shuffle_up_to(batches_.begin(std::min(batch_ + 1, batches_.parts)));
    if (!feeds.extents.empty()) feeds.extents[0] = static_cast<std::int64_t>(rows_of_step().size());
    const std::int64_t batch_begin = batches_.begin(batch_);
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
        const TensorView& view = feeds.inputs[i];
        switch (entry.inputs[i].role) {
        case MlpInputRole::kInverseWeight: {
            const auto batch = std::span<const std::uint32_t>(order_).subspan(
                at(batch_begin), at(batches_.begin(batch_ + 1) - batch_begin));
            *view.as<float>() = static_cast<float>(inverse_weight(entry.inputs[i].index, batch));
            break;
        }
        case MlpInputRole::kRandom:
            view.as<std::int64_t>()[0] = static_cast<std::int64_t>(options_.seed);
            view.as<std::int64_t>()[1] = step_ * slices_ + slice_;
            break;
        case MlpInputRole::kConstantStep:
        case MlpInputRole::kDecayingStep:
            optimizer_.write_step(view.as<float>(), learning_rate_.at(step_), step_,
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
    const std::span<const std::uint32_t> rows = rows_of_step();
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
    switch (phase_) {
    case Phase::kTrain:
        return after_training_step(outputs);
    case Phase::kEvaluate:
        return after_evaluation_step(outputs);
    case Phase::kKeepBest:
        return go_on();
    case Phase::kRestoreBest:
    case Phase::kDone:
        phase_ = Phase::kDone;
        return;
    }
}

void MlpDriver::reject_divergence(std::size_t task, const std::string& when) const {
    throw Error(sqlstate::kDataException, "training diverged: the loss is not a finite number",
                "The loss of target \"" + tasks_[task].description().name + "\" became infinite or NaN in epoch " +
                    std::to_string(epoch_) + ", " + when + ".",
                "Lower \"learning_rate\", or limit the gradient with \"clip_norm\".");
}

void MlpDriver::after_training_step(std::span<const TensorView> outputs) {
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const double loss = static_cast<double>(*outputs[task].as<float>());
        if (!std::isfinite(loss)) reject_divergence(task, "step " + std::to_string(step_ + 1));
        batch_losses_[task] += loss;
    }
    if (++slice_ < slices_) return;

    const double rows = static_cast<double>(batches_.begin(batch_ + 1) - batches_.begin(batch_));
    last_loss_ = 0;
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        last_loss_ += batch_losses_[task];
        epoch_losses_[task] += rows * batch_losses_[task];
        batch_losses_[task] = 0;
    }
    slice_ = 0;
    ++step_;
    if (++batch_ < batches_.parts) return;
    if (data_.validation_rows().empty() && epoch_ < options_.epochs) return end_epoch();
    phase_ = Phase::kEvaluate;
    evaluated_rows_ = 0;
}

void MlpDriver::after_evaluation_step(std::span<const TensorView> outputs) {
    if (evaluated_rows_ == 0) {
        scores_.clear();
        for (const TargetEncoding& task : tasks_)
            scores_.emplace_back(task.kind());
        validation_losses_.assign(tasks_.size(), 0);
    }
    const std::span<const std::uint32_t> rows = rows_of_step();
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
    evaluated_rows_ += static_cast<std::int64_t>(rows.size());
    if (at(evaluated_rows_) < evaluated_rows().size()) return;
    for (std::size_t task = 0; task < tasks_.size(); ++task)
        if (!std::isfinite(validation_losses_[task])) reject_divergence(task, "after step " + std::to_string(step_));
    end_epoch();
}

void MlpDriver::log(const std::string& task, const std::string& metric, double value) {
    log_.push_back({static_cast<int>(epoch_), task, metric, value});
}

void MlpDriver::end_epoch() {
    log("", "learning_rate", learning_rate_.at(step_ - 1));
    const auto training_rows = static_cast<double>(batches_.rows);
    for (std::size_t task = 0; task < tasks_.size(); ++task)
        log(tasks_[task].description().name, "train_loss", epoch_losses_[task] / training_rows);
    if (data_.validation_rows().empty()) {
        best_epoch_ = epoch_;
        return go_on();
    }

    double loss = 0;
    std::vector<TaskMetric> metrics;
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const std::string& name = tasks_[task].description().name;
        if (scores_[task].count() == 0) continue;  // no validation row has this target
        const double mean = validation_losses_[task] / static_cast<double>(scores_[task].count());
        loss += mean;
        log(name, "validation_loss", mean);
        for (const auto& [metric, value] : scores_[task].metrics(stop_)) {
            metrics.push_back({name, std::string(metric), value});
            log(name, "validation_" + std::string(metric), value);
        }
    }
    if (!keeps_best()) {
        best_epoch_ = epoch_;
        metrics_ = std::move(metrics);
        return go_on();
    }
    const bool improved = best_epoch_ == 0 || loss < best_loss_;
    if (!improved) return go_on();
    best_loss_ = loss;
    best_epoch_ = epoch_;
    metrics_ = std::move(metrics);
    phase_ = Phase::kKeepBest;
}

void MlpDriver::go_on() {
    const bool out_of_patience = keeps_best() && epoch_ - best_epoch_ >= options_.patience;
    if (epoch_ < options_.epochs && !out_of_patience) {
        ++epoch_;
        return start_epoch();
    }
    stopped_early_ = epoch_ < options_.epochs;
    phase_ = keeps_best() && best_epoch_ != epoch_ ? Phase::kRestoreBest : Phase::kDone;
}

TrainingProgress MlpDriver::progress() const {
    static constexpr const char* kPhases[] = {"training", "validating", "validating", "finishing", "finishing"};
    TrainingProgress progress;
    progress.phase = kPhases[static_cast<std::size_t>(phase_)];
    progress.epoch = static_cast<int>(epoch_);
    progress.epochs = static_cast<int>(options_.epochs);
    progress.step = step_;
    progress.steps = options_.epochs * batches_.parts;
    progress.loss = last_loss_;
    progress.rows_trained = (epoch_ - 1) * batches_.rows + batches_.begin(batch_);
    return progress;
}

std::vector<LogLine> MlpDriver::take_log() {
    return std::exchange(log_, {});
}

std::string MlpDriver::save_state() const {
    Json json = {{"phase", static_cast<int>(phase_)},
                 {"epoch", epoch_},
                 {"batch", batch_},
                 {"slice", slice_},
                 {"step", step_},
                 {"batch_losses", batch_losses_},
                 {"epoch_losses", epoch_losses_},
                 {"last_loss", last_loss_},
                 {"best_loss", best_loss_},
                 {"best_epoch", best_epoch_},
                 {"stopped_early", stopped_early_}};
    json["metrics"] = Json::array();
    for (const TaskMetric& metric : metrics_)
        json["metrics"].push_back({metric.task, metric.name, metric.value});
    json["log"] = Json::array();
    for (const LogLine& line : log_)
        json["log"].push_back({line.epoch, line.task, line.metric, line.value});
    return json.dump();
}

// A look at the validation rows that was interrupted starts again: it changes nothing but what it counts.
void MlpDriver::restore_state(const std::string& state) {
    try {
        const Json json = Json::parse(state);
        phase_ = static_cast<Phase>(json.at("phase").get<int>());
        epoch_ = json.at("epoch").get<std::int64_t>();
        batch_ = json.at("batch").get<std::int64_t>();
        slice_ = json.at("slice").get<std::int64_t>();
        step_ = json.at("step").get<std::int64_t>();
        batch_losses_ = json.at("batch_losses").get<std::vector<double>>();
        epoch_losses_ = json.at("epoch_losses").get<std::vector<double>>();
        last_loss_ = json.at("last_loss").get<double>();
        best_loss_ = json.at("best_loss").get<double>();
        best_epoch_ = json.at("best_epoch").get<std::int64_t>();
        stopped_early_ = json.at("stopped_early").get<bool>();
        metrics_.clear();
        for (const Json& metric : json.at("metrics"))
            metrics_.push_back({metric.at(0), metric.at(1), metric.at(2)});
        log_.clear();
        for (const Json& line : json.at("log"))
            log_.push_back({line.at(0), line.at(1), line.at(2), line.at(3)});
    } catch (const nlohmann::json::exception& error) {
        throw Error(sqlstate::kDataCorrupted, "could not read the state of a training job", error.what());
    }
    const auto tasks = tasks_.size();
    const bool sensible = phase_ <= Phase::kDone && epoch_ >= 1 && epoch_ <= options_.epochs && batch_ >= 0 &&
                          batch_ <= batches_.parts && slice_ >= 0 && slice_ < slices_ && step_ >= 0 &&
                          batch_losses_.size() == tasks && epoch_losses_.size() == tasks;
    if (!sensible || (phase_ == Phase::kTrain && batch_ == batches_.parts))
        throw Error(sqlstate::kDataCorrupted, "state of a training job does not fit the job");
    evaluated_rows_ = 0;
    reset_order();
}

}  // namespace tensile
