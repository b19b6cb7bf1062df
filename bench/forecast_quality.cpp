// Quality of forecasting methods on public data, by the protocols that their peers use. Everything goes through the
// contract of a forecasting method (series_method.h): fit to a table, load what was stored, forecast from later
// histories. No server.
//
// Usage: forecast_quality DATA [SUBJECT...]
// DATA holds ETT/, M4/, nyc-taxi/, hangzhou-metro/ and beijing-prsa/ as bench/run_forecast unpacks them; subjects are
// etth1 m4 nyc hangzhou beijing scale, all of them without any. A subject may be followed by a method and its options
// (m4:ar:{"pooling": 1}).
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/auto_forecast/auto_forecast_method.h"
#include "series_data.h"

#include "models/forecast/forecast_metrics.h"
#include "models/linear_forecast/linear_methods.h"
#include "models/series/series_method.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace {

using namespace tensile;

using bench::kHour;
using bench::kMissing;
using bench::number;

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class NoRunner final : public ForwardRunner {
  public:
    void run(std::int64_t, const Fill&, const Take&) override { throw InternalError("a closed form ran a program"); }
};

struct Fitted {
    std::unique_ptr<SeriesForecaster> forecaster;
    double seconds = 0;
    std::string summary;
};

Fitted fit(const SeriesMethod& method, const SeriesTable& table, const SeriesSettings& settings,
           const nlohmann::ordered_json& options) {
    const double before = seconds();
    const std::unique_ptr<SeriesFit> fitted =
        method.fit(table, settings, Options::parse(method.name(), method.options(), options.dump()), nullptr);
    const nlohmann::ordered_json manifest = fitted->manifest();
    Fitted result{method.load(manifest, fitted->host_weights(), table), seconds() - before, {}};
    if (const auto& model = manifest.at("model"); model.contains("parts"))
        result.summary = "cycle " + model["period"].dump() + ", parts " + model["parts"].dump();
    if (method.name() == "auto_forecast")
        for (const TaskMetric& metric : fitted->metrics())
            if (metric.name == "mase") {
                char text[64];
                std::snprintf(text, sizeof text, "%s %.3f; ", metric.task.c_str(), metric.value);
                result.summary += text;
            }
    return result;
}

Forecast forecast_from(const Fitted& fitted, const SeriesTable& table, std::int64_t origin, std::int64_t horizon,
                       std::int64_t most_history = 3000) {
    NoRunner runner;
    const SeriesTable history = bench::span_of(table, std::max<std::int64_t>(0, origin - most_history), origin);
    return fitted.forecaster->forecast(history, {}, horizon, 0.9, runner, nullptr);
}

// A method with options as a user gives them.
struct Candidate {
    const SeriesMethod* method;
    nlohmann::ordered_json options = nlohmann::ordered_json::object();
};
using Methods = std::vector<Candidate>;

// Informer's split of ETTh1: 12 months to learn from, 4 to choose on, 4 to test on, z-scored by the first part; all
// test windows. As the published figures are, coefficients are those of the first part alone.
void etth1(const std::string& data, const Methods& methods) {
    SeriesTable table = bench::read_wide(data + "/ETT/ETTh1.csv", {});
    constexpr std::int64_t kMonth = 30 * 24;
    constexpr std::int64_t kLearned = 12 * kMonth;
    constexpr std::int64_t kChosen = 16 * kMonth;
    constexpr std::int64_t kEnd = 20 * kMonth;
    bench::normalise(table, kLearned);
    for (const auto& [method, options] : methods) {
        double mean_error = 0;
        for (const std::int64_t horizon : {96, 192, 336, 720}) {
            SeriesSettings settings;
            settings.season = 24;
            settings.horizon = horizon;
            settings.validation = static_cast<double>(kChosen - kLearned) / kChosen;
            nlohmann::ordered_json strict = options;
            strict["refit"] = false;
            const Fitted fitted = fit(*method, bench::span_of(table, 0, kChosen), settings, strict);
            ForecastScore score;
            std::vector<SeriesScore> scores(static_cast<std::size_t>(table.series()), SeriesScore(1));
            const double before = seconds();
            for (std::int64_t origin = kChosen; origin + horizon <= kEnd; ++origin) {
                const Forecast forecast = forecast_from(fitted, table, origin, horizon);
                for (std::int64_t h = 0; h < horizon; ++h)
                    for (std::int64_t s = 0; s < table.series(); ++s) {
                        const auto cell = static_cast<std::size_t>(h * table.series() + s);
                        scores[static_cast<std::size_t>(s)].add(table.at(origin + h)[s], forecast.mean[cell],
                                                                forecast.lower[cell], forecast.upper[cell]);
                    }
            }
            for (const SeriesScore& series : scores)
                score.add(series);
            std::map<std::string_view, double> metrics;
            for (const auto& [name, value] : score.metrics())
                metrics[name] = value;
            mean_error += metrics["rmse"] * metrics["rmse"] / 4;
            std::printf(
                "etth1 %-14s horizon %3lld: MSE %.4f MAE %.4f, 90 %% intervals hold %.1f %%, fit %.1f s, test %.1f s; "
                "%s\n",
                std::string(method->name()).c_str(), static_cast<long long>(horizon), metrics["rmse"] * metrics["rmse"],
                metrics["mae"], 100 * metrics["coverage"], fitted.seconds, seconds() - before, fitted.summary.c_str());
            std::fflush(stdout);
        }
        std::printf("etth1 %-14s average MSE %.4f\n", std::string(method->name()).c_str(), mean_error);
    }
}

// M4's 414 hourly series, 48 hours ahead of their end.
void m4(const std::string& data, const Methods& methods) {
    constexpr std::int64_t kHorizon = 48;
    constexpr std::int64_t kSeason = 24;
    bench::CsvRows train = bench::read_csv(data + "/M4/Hourly-train.csv");
    bench::CsvRows test = bench::read_csv(data + "/M4/Hourly-test.csv");
    train.erase(train.begin());  // names
    test.erase(test.begin());
    std::vector<std::vector<float>> series;
    SeriesTable table = bench::table_of(static_cast<std::int64_t>(train.size()), kHour);
    for (const std::vector<std::string>& row : train) {
        std::vector<float> values;
        for (std::size_t i = 1; i < row.size() && !row[i].empty(); ++i)
            values.push_back(number(row[i]));
        table.steps = std::max(table.steps, static_cast<std::int64_t>(values.size()));
        series.push_back(std::move(values));
    }
    // All end together.
    table.values.assign(static_cast<std::size_t>(table.steps) * series.size(), kMissing);
    for (std::size_t s = 0; s < series.size(); ++s)
        for (std::size_t t = 0; t < series[s].size(); ++t)
            table.values[(static_cast<std::size_t>(table.steps) - series[s].size() + t) * series.size() + s] =
                series[s][t];

    ForecastScore naive;
    for (std::size_t s = 0; s < series.size(); ++s) {
        SeriesScore score(seasonal_naive_scale(series[s], kSeason));
        for (std::size_t h = 0; h < kHorizon; ++h)
            score.add(number(test[s][h + 1]), series[s][series[s].size() - kSeason + h % kSeason], kMissing, kMissing);
        naive.add(score);
    }
    for (const auto& [name, value] : naive.metrics())
        if (name == "mase" || name == "smape")
            std::printf("m4    seasonal naive: %s %.3f\n", std::string(name).c_str(), value);

    for (const auto& [method, options] : methods) {
        SeriesSettings settings;
        settings.season = kSeason;
        settings.horizon = kHorizon;
        const Fitted fitted = fit(*method, table, settings, options);
        const double before = seconds();
        const Forecast forecast = forecast_from(fitted, table, table.steps, kHorizon);
        const double took = seconds() - before;
        ForecastScore score;
        for (std::size_t s = 0; s < series.size(); ++s) {
            SeriesScore one(seasonal_naive_scale(series[s], kSeason));
            for (std::size_t h = 0; h < kHorizon; ++h) {
                const std::size_t cell = h * series.size() + s;
                one.add(number(test[s][h + 1]), forecast.mean[cell], forecast.lower[cell], forecast.upper[cell]);
            }
            score.add(one);
        }
        std::map<std::string_view, double> metrics;
        for (const auto& [name, value] : score.metrics())
            metrics[name] = value;
        std::printf("m4    %-14s MASE %.3f sMAPE %.2f, 90 %% intervals hold %.1f %%, fit %.1f s, forecast %.1f s; %s\n",
                    std::string(method->name()).c_str(), metrics["mase"], metrics["smape"], 100 * metrics["coverage"],
                    fitted.seconds, took, fitted.summary.c_str());
        std::fflush(stdout);
    }
}

// The last `test` steps, `horizon` at a time, each from all values before. Peers judge cells that are not zero.
void rolling(const char* subject, const SeriesTable& table, std::int64_t season, std::int64_t test,
             const std::vector<std::int64_t>& horizons, bool skip_zeros, const Methods& methods) {
    for (const auto& [method, options] : methods)
        for (const std::int64_t horizon : horizons) {
            SeriesSettings settings;
            settings.season = season;
            settings.horizon = horizon;
            const std::int64_t begin = table.steps - test;
            Fitted fitted;
            try {
                fitted = fit(*method, bench::span_of(table, 0, begin), settings, options);
            } catch (const Error& error) {
                std::printf("%-5s %-14s %s\n", subject, std::string(method->name()).c_str(), error.what());
                break;
            }
            const double before = seconds();
            double squares = 0;
            double relative = 0;
            std::int64_t count = 0;
            std::int64_t covered = 0;
            std::int64_t cells = 0;
            for (std::int64_t origin = begin; origin < table.steps; origin += horizon) {
                const Forecast forecast = forecast_from(fitted, table, origin, horizon);
                for (std::int64_t h = 0; h < horizon && origin + h < table.steps; ++h)
                    for (std::int64_t s = 0; s < table.series(); ++s) {
                        const auto cell = static_cast<std::size_t>(h * table.series() + s);
                        const double truth = table.at(origin + h)[s];
                        if (std::isnan(truth)) continue;
                        ++cells;
                        covered += forecast.lower[cell] <= truth && truth <= forecast.upper[cell] ? 1 : 0;
                        if (skip_zeros && truth == 0) continue;
                        const double error = truth - forecast.mean[cell];
                        squares += error * error;
                        relative += std::abs(error / truth);
                        ++count;
                    }
            }
            std::printf(
                "%-8s %-14s horizon %2lld: RMSE %.3f MAPE %.3f, 90 %% intervals hold %.1f %%, fit %.1f s, test %.1f s; "
                "%s\n",
                subject, std::string(method->name()).c_str(), static_cast<long long>(horizon),
                std::sqrt(squares / static_cast<double>(count)), relative / static_cast<double>(count),
                100.0 * static_cast<double>(covered) / static_cast<double>(cells), fitted.seconds, seconds() - before,
                fitted.summary.c_str());
            std::fflush(stdout);
        }
}

// 12 stations x 6 pollutants, hourly, some missing; every series z-scored by the first 80 %.
void beijing(const std::string& data, const Methods& methods) {
    SeriesTable table = bench::read_beijing(data + "/beijing-prsa");
    const std::int64_t learned = table.steps * 8 / 10;
    bench::normalise(table, learned);
    rolling("beijing", table, 24, table.steps - learned, {1, 24}, false, methods);
}

// 10,000 series of 1,000 steps: a daily cycle, a walk and noise, each of its own strength.
void scale(const Methods& methods) {
    constexpr std::int64_t kSeries = 10000;
    constexpr std::int64_t kSteps = 1000;
    SeriesTable table = bench::table_of(kSeries, kHour);
    table.steps = kSteps;
    table.values.resize(static_cast<std::size_t>(kSeries * kSteps));
    for (std::int64_t s = 0; s < kSeries; ++s) {
        double walk = 0;
        const auto one = static_cast<std::uint64_t>(s);
        for (std::int64_t t = 0; t < kSteps; ++t) {
            const auto at = static_cast<std::uint64_t>(t);
            walk = 0.98 * walk + 0.2 * random_normal(1, one, 2 * at);
            table.values[static_cast<std::size_t>(t * kSeries + s)] = static_cast<float>(
                10 + (1 + static_cast<double>(s % 7)) * std::sin(0.2617993878 * static_cast<double>(t + s)) + walk +
                0.3 * random_normal(1, one, 2 * at + 1));
        }
    }
    for (const auto& [method, options] : methods) {
        if (method->name() == "var") continue;  // not for so many
        SeriesSettings settings;
        settings.season = 24;
        settings.horizon = 24;
        const Fitted fitted = fit(*method, table, settings, options);
        const double before = seconds();
        const Forecast forecast = forecast_from(fitted, table, kSteps, 24);
        std::printf("scale %-14s 10,000 series x 1,000 steps: fit %.1f s, forecast %.1f s; first value %.3f\n",
                    std::string(method->name()).c_str(), fitted.seconds, seconds() - before,
                    static_cast<double>(forecast.mean[0]));
        std::fflush(stdout);
    }
}

void run(const std::string& subject, const std::string& data, const Methods& methods) {
    if (subject == "etth1") return etth1(data, methods);
    if (subject == "m4") return m4(data, methods);
    if (subject == "beijing") return beijing(data, methods);
    if (subject == "scale") return scale(methods);
    if (subject == "nyc")
        return rolling("nyc", bench::read_wide(data + "/nyc-taxi/nyc_taxi_30x30x1464.csv", {}), 24, 7 * 24, {2, 4, 6},
                       true, methods);
    // The metro runs 18 hours a day, in slots of 10 minutes.
    if (subject == "hangzhou")
        return rolling("hangzhou", bench::read_wide(data + "/hangzhou-metro/hangzhou_80x2700.csv", {.step = kHour / 6}),
                       108, 7 * 108, {2, 4, 6}, true, methods);
    std::fprintf(stderr, "unknown subject %s\n", subject.c_str());
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: forecast_quality DATA [SUBJECT[:METHOD]...]\n");
        return 1;
    }
    const Methods all = {
        {&linear_method()}, {&autoregression_method()}, {&vector_autoregression_method()}, {&auto_forecast_method()}};
    std::vector<std::string> subjects(argv + 2, argv + argc);
    if (subjects.empty()) subjects = {"etth1", "m4", "nyc", "hangzhou", "beijing", "scale"};
    for (const std::string& asked : subjects) {
        const std::size_t colon = asked.find(':');
        Methods methods = all;
        if (colon != std::string::npos) {
            const std::size_t second = asked.find(':', colon + 1);
            const std::string name = asked.substr(colon + 1, second == std::string::npos ? second : second - colon - 1);
            std::erase_if(methods, [&](const Candidate& candidate) { return candidate.method->name() != name; });
            if (second != std::string::npos)
                for (Candidate& candidate : methods)
                    candidate.options = nlohmann::ordered_json::parse(asked.substr(second + 1));
        }
        run(asked.substr(0, colon), argv[1], methods);
    }
    return 0;
}
