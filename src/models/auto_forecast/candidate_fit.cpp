// See candidate_fit.h.
#include "models/auto_forecast/candidate_fit.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

namespace tensile {

namespace {

constexpr const char* kMethod = "auto_forecast";

}  // namespace

TaskMetric not_fitted(const std::string& name, const std::string& reason) {
    return {name, "not fitted: " + reason, 0};
}

CandidateFit::CandidateFit(std::vector<Candidate> candidates, std::vector<TaskMetric> left_out, std::string measure)
    : candidates_(std::move(candidates)), left_out_(std::move(left_out)), measure_(std::move(measure)) {
    std::vector<JobSequence::Part> parts;
    for (Candidate& candidate : candidates_) {
        if (candidate.is_closed_form) {
            ++closed_forms_;
        } else {
            parts.push_back({candidate.name, &candidate.fit->job()});
        }
    }
    sequence_ = std::make_unique<JobSequence>(std::move(parts), closed_forms_ > 0);
}

// What is stored is known once the last part has ended.
Job& CandidateFit::job() {
    const bool ended = sequence_->current() == sequence_->size();
    const std::optional<std::size_t> stored = ended ? part_of(chosen()) : std::nullopt;
    for (std::size_t part = 0; ended && part < sequence_->size(); ++part) {
        const std::span<const Variable> own = candidates_[closed_forms_ + part].fit->job().variables;
        const std::span<Variable> shared = sequence_->variables_of(part);
        for (std::size_t i = 0; i < own.size(); ++i)
            shared[i].is_weight = own[i].is_weight && stored == part;
    }
    return sequence_->job();
}

std::optional<std::size_t> CandidateFit::part_of(std::size_t candidate) const {
    return candidate < closed_forms_ ? std::nullopt : std::optional(candidate - closed_forms_);
}

const std::string& CandidateFit::failure_of(std::size_t candidate) const {
    static const std::string none;
    const std::optional<std::size_t> part = part_of(candidate);
    return part ? sequence_->failure(*part) : none;
}

// Parts that have ended count with what they did, the others with what they may do.
TrainingProgress CandidateFit::progress() const {
    if (sequence_->size() == 0) return candidates_.front().fit->progress();
    const std::size_t current = std::min(sequence_->current(), sequence_->size() - 1);
    TrainingProgress all;
    for (std::size_t part = 0; part < sequence_->size(); ++part) {
        const Candidate& candidate = candidates_[closed_forms_ + part];
        const TrainingProgress own = candidate.fit->progress();
        const bool ended = part < sequence_->current();
        all.epochs += ended ? own.epoch : own.epochs;
        all.steps += ended ? own.step : own.steps;
        if (part > current) continue;
        all.epoch += own.epoch;
        all.step += own.step;
        all.rows_trained += own.rows_trained;
        all.loss = own.loss;
        all.phase = own.phase + " " + candidate.name;
    }
    return all;
}

std::vector<LogLine> CandidateFit::take_log() {
    std::vector<LogLine> all;
    for (Candidate& candidate : candidates_)
        for (LogLine& line : candidate.fit->take_log()) {
            if (line.task.empty()) line.task = candidate.name;
            all.push_back(std::move(line));
        }
    return all;
}

bool CandidateFit::stopped_early() const {
    return candidates_[chosen()].fit->stopped_early();
}

std::optional<double> CandidateFit::metric_of(std::size_t candidate, const std::string& name) const {
    if (!failure_of(candidate).empty()) return std::nullopt;
    const Candidate& one = candidates_[candidate];
    const std::string task = one.is_closed_form ? kMethod : one.name;
    for (const TaskMetric& metric : one.fit->metrics())
        if (metric.task == task && metric.name == name) return metric.value;
    return std::nullopt;
}

// Where nobody has the measure (mase of constant series), the absolute error decides. Of equal ones the first.
std::size_t CandidateFit::chosen() const {
    for (const std::string& measure : {measure_, std::string("mae")}) {
        std::optional<std::size_t> best;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < candidates_.size(); ++i)
            if (const std::optional<double> value = metric_of(i, measure); value && *value < least) {
                least = *value;
                best = i;
            }
        if (best) return *best;
    }
    std::size_t first = 0;
    while (first + 1 < candidates_.size() && !failure_of(first).empty())
        ++first;
    return first;
}

nlohmann::ordered_json CandidateFit::manifest() const {
    const Candidate& stored = candidates_[chosen()];
    if (stored.is_closed_form) return stored.fit->manifest();
    return {{"chosen", stored.name}, {"model", stored.fit->manifest()}};
}

std::vector<std::byte> CandidateFit::host_weights() const {
    return candidates_[chosen()].fit->host_weights();
}

std::vector<TaskMetric> CandidateFit::metrics() const {
    const std::size_t stored = chosen();
    std::vector<TaskMetric> best;
    std::vector<TaskMetric> table;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const Candidate& candidate = candidates_[i];
        if (const std::string& failure = failure_of(i); !failure.empty()) {
            table.push_back(not_fitted(candidate.name, failure));
            continue;
        }
        const std::string whole = candidate.is_closed_form ? kMethod : candidate.name;
        if (i == stored) table.push_back({candidate.name, "chosen", 1});
        for (TaskMetric& metric : candidate.fit->metrics()) {
            if (metric.task == whole) {
                if (i == stored) best.push_back({kMethod, metric.name, metric.value});
                metric.task = candidate.name;
            }
            table.push_back(std::move(metric));
        }
    }
    std::ranges::move(table, std::back_inserter(best));
    std::ranges::copy(left_out_, std::back_inserter(best));
    return best;
}

std::uint64_t CandidateFit::bytes() const {
    std::uint64_t bytes = 0;
    for (const Candidate& candidate : candidates_)
        bytes += candidate.fit->bytes();
    return bytes;
}

CandidateForecaster::CandidateForecaster(std::string name, std::unique_ptr<SeriesForecaster> chosen)
    : name_(std::move(name)),
      chosen_(std::move(chosen)),
      variables_(chosen_->variables().begin(), chosen_->variables().end()) {
    for (Variable& variable : variables_)
        variable.name.insert(0, JobSequence::prefix(name_));
}

Program CandidateForecaster::program(std::int64_t capacity) const {
    return chosen_->program(capacity).with_prefix(JobSequence::prefix(name_));
}

Forecast CandidateForecaster::forecast(const SeriesTable& history, std::span<const Covariate> future,
                                       std::int64_t horizon, double level, ForwardRunner& runner,
                                       const std::atomic<bool>* stop) const {
    return chosen_->forecast(history, future, horizon, level, runner, stop);
}

Imputation CandidateForecaster::impute(const SeriesTable& history, double level, ForwardRunner& runner,
                                       const std::atomic<bool>* stop) const {
    return chosen_->impute(history, level, runner, stop);
}

}  // namespace tensile
