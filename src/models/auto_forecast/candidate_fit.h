// A fit of several methods to the same table, of which the best on the validation span is stored: their jobs run one
// after the other as one job (job_sequence.h), and when it has ended, a measure that all of them report decides.
//
// All are judged by forecasts of the same horizon within the same span. Networks are judged from every origin there
// (net3 from some hundreds), closed forms from evenly spaced ones.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/forecast/job_sequence.h"
#include "models/series/series_method.h"

namespace tensile {

class CandidateFit final : public SeriesFit {
  public:
    struct Candidate {
        std::string name;  // of its metrics; several candidates' names differ
        std::unique_ptr<SeriesFit> fit;
        bool is_closed_form = false;
    };
    // `left_out`: a metric each that tells why a method is no candidate. `measure`: name of the metric that decides;
    // less is better. At least one candidate; a closed form comes first.
    CandidateFit(std::vector<Candidate> candidates, std::vector<TaskMetric> left_out, std::string measure);

    Job& job() override;
    TrainingProgress progress() const override;
    std::vector<LogLine> take_log() override;
    bool stopped_early() const override;
    // Of a closed form what it gives itself; else {"chosen": name, "model": what that gives}.
    nlohmann::ordered_json manifest() const override;
    std::vector<std::byte> host_weights() const override;
    // Those of the chosen under task "auto_forecast", then those of every candidate, "chosen" with value 1 for the one
    // that was, and of those that were left out "not fitted: <reason>".
    std::vector<TaskMetric> metrics() const override;
    std::uint64_t bytes() const override;

  private:
    // Position in the sequence of jobs; nothing for a closed form, which has none.
    std::optional<std::size_t> part_of(std::size_t candidate) const;
    const std::string& failure_of(std::size_t candidate) const;
    std::size_t chosen() const;
    std::optional<double> metric_of(std::size_t candidate, const std::string& name) const;

    std::vector<Candidate> candidates_;
    std::vector<TaskMetric> left_out_;
    std::string measure_;
    std::size_t closed_forms_ = 0;  // 0 or 1
    std::unique_ptr<JobSequence> sequence_;
};

// A metric that shows why a method is no candidate.
TaskMetric not_fitted(const std::string& name, const std::string& reason);

// The chosen network of a stored model, under the names that its weights had in the sequence.
class CandidateForecaster final : public SeriesForecaster {
  public:
    CandidateForecaster(std::string name, std::unique_ptr<SeriesForecaster> chosen);

    const std::string& name() const { return name_; }
    const SeriesForecaster& chosen() const { return *chosen_; }

    std::span<const Variable> variables() const override { return variables_; }
    Program program(std::int64_t capacity) const override;
    Forecast forecast(const SeriesTable& history, std::span<const Covariate> future, std::int64_t horizon, double level,
                      ForwardRunner& runner, const std::atomic<bool>* stop) const override;
    Imputation impute(const SeriesTable& history, double level, ForwardRunner& runner,
                      const std::atomic<bool>* stop) const override;

  private:
    std::string name_;
    std::unique_ptr<SeriesForecaster> chosen_;
    std::vector<Variable> variables_;
};

}  // namespace tensile
