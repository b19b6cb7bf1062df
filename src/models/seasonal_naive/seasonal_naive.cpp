// See seasonal_naive.h.
#include "models/seasonal_naive/seasonal_naive.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/seasonal_naive/seasonal_errors.h"
#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// The step that a forecast of step `target` repeats, for all targets behind the last step of one series.
class LastSeason {
  public:
    explicit LastSeason(std::int64_t season) : season_(season), last_(static_cast<std::size_t>(season)) {}

    void read(std::span<const float> values) {
        steps_ = static_cast<std::int64_t>(values.size());
        std::ranges::fill(last_, -1);
        latest_ = -1;
        std::int64_t open = season_;
        for (std::int64_t step = steps_ - 1; step >= 0 && open > 0; --step) {
            if (std::isnan(values[static_cast<std::size_t>(step)])) continue;
            latest_ = std::max(latest_, step);
            std::int64_t& last = last_[static_cast<std::size_t>(step % season_)];
            if (last >= 0) continue;
            last = step;
            --open;
        }
    }

    // -1 for a series without values. Where the place in the season has none, the last value of all is repeated.
    std::int64_t source_of(std::int64_t target) const {
        const std::int64_t last = last_[static_cast<std::size_t>(target % season_)];
        return last >= 0 ? last : latest_;
    }
    // How many seasons `target` is ahead of its source, rounded up.
    std::int64_t seasons_ahead(std::int64_t target) const {
        return (target - source_of(target) + season_ - 1) / season_;
    }

  private:
    std::int64_t season_;
    std::int64_t steps_ = 0;
    std::vector<std::int64_t> last_;  // by place in the season; -1: none
    std::int64_t latest_ = -1;
};

// The nearest known values before and after each step, `stride` steps apart from it or a multiple.
class Neighbours {
  public:
    void read(std::span<const float> values, std::int64_t stride) {
        const auto steps = static_cast<std::int64_t>(values.size());
        before_.assign(values.size(), -1);
        after_.assign(values.size(), -1);
        for (std::int64_t step = stride; step < steps; ++step) {
            const auto previous = static_cast<std::size_t>(step - stride);
            before_[static_cast<std::size_t>(step)] = std::isnan(values[previous]) ? before_[previous] : step - stride;
        }
        for (std::int64_t step = steps - 1 - stride; step >= 0; --step) {
            const auto next = static_cast<std::size_t>(step + stride);
            after_[static_cast<std::size_t>(step)] = std::isnan(values[next]) ? after_[next] : step + stride;
        }
    }
    std::int64_t before(std::int64_t step) const { return before_[static_cast<std::size_t>(step)]; }
    std::int64_t after(std::int64_t step) const { return after_[static_cast<std::size_t>(step)]; }
    bool both(std::int64_t step) const { return before(step) >= 0 && after(step) >= 0; }

  private:
    std::vector<std::int64_t> before_;
    std::vector<std::int64_t> after_;
};

class SeasonalNaiveForecaster final : public SeriesForecaster {
  public:
    explicit SeasonalNaiveForecaster(std::int64_t season) : season_(season) {}

    Forecast forecast(const SeriesTable& history, std::span<const Covariate>, std::int64_t horizon, double level,
                      ForwardRunner&, const std::atomic<bool>* stop) const override {
        Forecast result;
        result.horizon = horizon;
        const auto series = static_cast<std::size_t>(history.series());
        const std::size_t cells = static_cast<std::size_t>(horizon) * series;
        result.mean.assign(cells, kUnknown);
        result.lower.assign(cells, kUnknown);
        result.upper.assign(cells, kUnknown);
        LastSeason last(season_);
        SeasonalErrors errors(season_, level);
        for_each_series(history, stop, [&](std::int64_t one, std::span<const float> values) {
            last.read(values);
            if (last.source_of(history.steps) < 0) return;
            errors.read(values);
            std::size_t cell = static_cast<std::size_t>(one);
            for (std::int64_t target = history.steps; target < history.steps + horizon; ++target, cell += series) {
                const float mean = values[static_cast<std::size_t>(last.source_of(target))];
                const SeasonalErrors::Interval interval = errors.ahead(last.seasons_ahead(target));
                result.mean[cell] = mean;
                result.lower[cell] = mean + interval.lower;
                result.upper[cell] = mean + interval.upper;
            }
        });
        return result;
    }

    Imputation impute(const SeriesTable& history, double level, ForwardRunner&,
                      const std::atomic<bool>* stop) const override {
        Imputation result;
        Neighbours seasonal;
        Neighbours adjacent;
        SeasonalErrors errors(season_, level);
        for_each_series(history, stop, [&](std::int64_t one, std::span<const float> values) {
            const auto known = [](float value) { return !std::isnan(value); };
            const auto first = std::ranges::find_if(values, known) - values.begin();
            if (first == static_cast<std::ptrdiff_t>(values.size())) return;
            std::int64_t end = history.steps;
            while (!known(values[static_cast<std::size_t>(end - 1)]))
                --end;
            if (std::ranges::count_if(values, known) == end - first) return;
            seasonal.read(values, season_);
            adjacent.read(values, 1);
            errors.read(values);
            for (std::int64_t step = first; step < end; ++step) {
                if (known(values[static_cast<std::size_t>(step)])) continue;
                const Neighbours& used = seasonal.both(step) ? seasonal : adjacent;
                const std::int64_t before = used.before(step);
                const std::int64_t after = used.after(step);
                const auto share = static_cast<float>(step - before) / static_cast<float>(after - before);
                const float mean = (1 - share) * values[static_cast<std::size_t>(before)] +
                                   share * values[static_cast<std::size_t>(after)];
                const SeasonalErrors::Interval interval = errors.between(step - before, after - step);
                result.cells.push_back({step, one, mean, mean + interval.lower, mean + interval.upper});
            }
        });
        throw_if_stopped(stop);
        std::ranges::sort(result.cells, std::less<>(),
                          [](const Imputation::Cell& cell) { return std::pair(cell.step, cell.series); });
        return result;
    }

  private:
    std::int64_t season_;
};

// A closed form without anything to compute, so that the fit only judges.
class SeasonalNaiveFit final : public SeriesFit {
  public:
    SeasonalNaiveFit(const SeriesTable& table, const SeriesSettings& settings) : season_(settings.season) {
        const auto judged = static_cast<std::int64_t>(static_cast<double>(table.steps) * settings.validation);
        const std::int64_t first = std::max<std::int64_t>(1, table.steps - judged);
        LastSeason last(season_);
        double squares = 0;
        double absolutes = 0;
        std::int64_t count = 0;
        for_each_series(table, settings.stop, [&](std::int64_t, std::span<const float> values) {
            for (std::int64_t origin = first; origin < table.steps; origin += settings.horizon) {
                last.read(values.first(static_cast<std::size_t>(origin)));
                if (last.source_of(origin) < 0) continue;
                const std::int64_t end = std::min(table.steps, origin + settings.horizon);
                for (std::int64_t target = origin; target < end; ++target) {
                    const auto truth = static_cast<double>(values[static_cast<std::size_t>(target)]);
                    if (std::isnan(truth)) continue;
                    const double error =
                        static_cast<double>(values[static_cast<std::size_t>(last.source_of(target))]) - truth;
                    squares += error * error;
                    absolutes += std::abs(error);
                    ++count;
                }
            }
        });
        if (count == 0) return;
        metrics_.push_back({"seasonal_naive", "rmse", std::sqrt(squares / static_cast<double>(count))});
        metrics_.push_back({"seasonal_naive", "mae", absolutes / static_cast<double>(count)});
    }

    Job& job() override { return job_; }
    TrainingProgress progress() const override {
        TrainingProgress progress;
        progress.phase = "fitted";
        return progress;
    }
    std::vector<LogLine> take_log() override { return {}; }
    nlohmann::ordered_json manifest() const override { return {{"season", season_}}; }
    std::vector<TaskMetric> metrics() const override { return metrics_; }
    std::uint64_t bytes() const override { return 0; }

  private:
    std::int64_t season_;
    Job job_;
    std::vector<TaskMetric> metrics_;
};

class SeasonalNaiveMethod final : public SeriesMethod {
  public:
    std::string_view name() const override { return "seasonal_naive"; }
    std::string_view help() const override {
        return "Repeats the last season of each time series; the yardstick of other forecasts.";
    }
    std::span<const OptionDeclaration> options() const override { return {}; }
    std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const Options&,
                                   const Previous*) const override {
        return std::make_unique<SeasonalNaiveFit>(table, settings);
    }
    std::unique_ptr<SeriesForecaster> load(const nlohmann::ordered_json& manifest, std::span<const std::byte>,
                                           const SeriesTable&) const override {
        const auto season = manifest.at("season").get<std::int64_t>();
        if (season < 1 || season > kMostSeriesCells)
            throw Error(sqlstate::kDataCorrupted, "could not read the description of the model",
                        "The season is out of range.");
        return std::make_unique<SeasonalNaiveForecaster>(season);
    }
};

}  // namespace

const SeriesMethod& seasonal_naive_method() {
    static const SeasonalNaiveMethod method;
    return method;
}

}  // namespace tensile
