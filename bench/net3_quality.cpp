// One-step forecasts of NET3 and of its linear rivals on a data set that net3_data.py has prepared: root mean squared
// error of the standardised values over the last 20 % of the steps, every window with its true past. The first 70 % are
// learned from, the next 10 % decide when training stops and how strong the ridge is.
//
// Usage: net3_quality --data FOLDER --modes 12,6 [--variants default,no_graphs,...] [--seeds 1] [--epochs 30]
//                     [--batch 32] [--learning_rate 0.005] [--window 5] [--features 8] [--patience 8] [--threads 2]
//                     [--ratio 0.8] [--rivals 1] [--schedule cosine] [--skip autoregression] [--head shared]
// Variants: default, no_graphs, single_graphs, no_tucker, shared_recurrence, place_recurrence, series_head,
// shared_head, no_skip, last_skip, autoregression_skip. Prints a line a forecaster: name, RMSE by seed,
// mean, seconds of training.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <sstream>

#include "net3_run.h"
#include "series_data.h"

namespace {

using namespace tensile;

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

// The matrix of a graph, row by row; none without the file.
std::vector<float> read_graph(const std::string& path) {
    if (!std::filesystem::exists(path)) return {};
    return bench::read_wide(path, {.names = false, .index = false}).values;
}

struct Split {
    std::int64_t training;    // steps
    std::int64_t validation;  // first step of the test part
};

// Error over [begin, end) of forecast(step, out).
template <typename Forecast>
double rmse(const Net3Table& table, std::int64_t begin, std::int64_t end, Forecast forecast) {
    double squares = 0;
    double count = 0;
    std::vector<float> out(at(table.series));
    for (std::int64_t step = begin; step < end; ++step) {
        forecast(step, out.data());
        for (std::int64_t one = 0; one < table.series; ++one) {
            const std::size_t place = at(step * table.series + one);
            if (table.present[place] == 0) continue;
            const double error = static_cast<double>(out[at(one)]) - static_cast<double>(table.values[place]);
            squares += error * error;
            count += 1;
        }
    }
    return std::sqrt(squares / count);
}

// Gaps hold the last value before them.
std::vector<float> carried_forward(const Net3Table& table) {
    std::vector<float> filled = table.values;
    for (std::size_t i = at(table.series); i < filled.size(); ++i)
        if (table.present[i] == 0) filled[i] = filled[i - at(table.series)];
    return filled;
}

// Vector autoregression on all series, strength of the ridge by the validation part.
class VectorAutoregression {
  public:
    VectorAutoregression(const Net3Table& table, std::vector<float> filled, const Split& split, std::int64_t lags)
        : table_(table), filled_(std::move(filled)), lags_(lags), terms_(lags * table.series + 1) {
        const std::int64_t n = terms_;
        const std::int64_t s = table.series;
        std::vector<float> gram(at(n * n));
        std::vector<float> right(at(n * s));
        std::vector<float> x(at(n));
        for (std::int64_t step = lags; step < split.training; ++step) {
            features(step, x.data());
            const float* y = filled_.data() + step * s;
            for (std::int64_t i = 0; i < n; ++i) {
                const float value = x[at(i)];
                float* row = gram.data() + i * n;
                for (std::int64_t j = 0; j <= i; ++j)
                    row[j] += value * x[at(j)];
                float* to = right.data() + i * s;
                for (std::int64_t j = 0; j < s; ++j)
                    to[j] += value * y[j];
            }
        }
        double best = INFINITY;
        for (const double strength : {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0}) {
            std::vector<float> candidate = solve(gram, right, strength * static_cast<double>(split.training - lags));
            candidate.swap(weights_);
            const double error =
                rmse(table, split.training, split.validation, [&](auto step, float* out) { forecast(step, out); });
            if (error < best) {
                best = error;
            } else {
                candidate.swap(weights_);
            }
        }
    }

    void forecast(std::int64_t step, float* out) const {
        std::vector<float> x(at(terms_));
        features(step, x.data());
        std::fill_n(out, table_.series, 0.0F);
        for (std::int64_t i = 0; i < terms_; ++i)
            for (std::int64_t j = 0; j < table_.series; ++j)
                out[j] += x[at(i)] * weights_[at(i * table_.series + j)];
    }

  private:
    void features(std::int64_t step, float* x) const {
        std::copy_n(filled_.data() + (step - lags_) * table_.series, terms_ - 1, x);
        x[terms_ - 1] = 1;
    }

    std::vector<float> solve(const std::vector<float>& gram, const std::vector<float>& right, double ridge) const {
        const std::int64_t n = terms_;
        const std::int64_t s = table_.series;
        std::vector<double> factor(gram.begin(), gram.end());
        std::vector<double> x(right.begin(), right.end());
        for (std::int64_t i = 0; i < n; ++i) {
            if (i + 1 < n) factor[at(i * n + i)] += ridge;
            for (std::int64_t j = 0; j <= i; ++j) {
                double sum = factor[at(i * n + j)];
                const double* a = factor.data() + i * n;
                const double* b = factor.data() + j * n;
                double products = 0;
                for (std::int64_t k = 0; k < j; ++k)
                    products += a[k] * b[k];
                sum -= products;
                factor[at(i * n + j)] = i == j ? std::sqrt(sum) : sum / factor[at(j * n + j)];
            }
        }
        for (std::int64_t i = 0; i < n; ++i) {
            double* row = x.data() + i * s;
            for (std::int64_t k = 0; k < i; ++k)
                for (std::int64_t j = 0; j < s; ++j)
                    row[j] -= factor[at(i * n + k)] * x[at(k * s + j)];
            for (std::int64_t j = 0; j < s; ++j)
                row[j] /= factor[at(i * n + i)];
        }
        for (std::int64_t i = n; i-- > 0;) {
            double* row = x.data() + i * s;
            for (std::int64_t k = i + 1; k < n; ++k)
                for (std::int64_t j = 0; j < s; ++j)
                    row[j] -= factor[at(k * n + i)] * x[at(k * s + j)];
            for (std::int64_t j = 0; j < s; ++j)
                row[j] /= factor[at(i * n + i)];
        }
        return {x.begin(), x.end()};
    }

    const Net3Table& table_;
    std::vector<float> filled_;
    std::int64_t lags_;
    std::int64_t terms_;
    std::vector<float> weights_;
};

void apply_variant(const std::string& variant, Net3Architecture& net) {
    if (variant == "no_graphs") net.terms.clear();
    if (variant == "single_graphs") std::erase_if(net.terms, [](const auto& term) { return term.size() > 1; });
    if (variant == "no_tucker") net.compressed.clear();
    if (variant == "shared_recurrence") net.recurrence = Net3Recurrence::kShared;
    if (variant == "place_recurrence") net.recurrence = Net3Recurrence::kPerPlace;
    if (variant == "series_head") net.shared_head = false;
    if (variant == "shared_head") net.shared_head = true;
    if (variant == "no_skip") net.skip = Net3Skip::kNone;
    if (variant == "last_skip") net.skip = Net3Skip::kLast;
    if (variant == "autoregression_skip") net.skip = Net3Skip::kAutoregression;
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = bench::parse_arguments(argc, argv,
                                                  {{"data", ""},
                                                   {"modes", ""},
                                                   {"variants", "default"},
                                                   {"seeds", "1"},
                                                   {"epochs", "30"},
                                                   {"batch", "32"},
                                                   {"learning_rate", "0.005"},
                                                   {"schedule", "cosine"},
                                                   {"window", "5"},
                                                   {"features", "8"},
                                                   {"patience", "8"},
                                                   {"threads", "2"},
                                                   {"ratio", "0.8"},
                                                   {"skip", "autoregression"},
                                                   {"head", "shared"},
                                                   {"rivals", "1"}});
    const auto integer = [&](const char* name) { return std::atoll(arguments.at(name).c_str()); };
    try {
        Net3Architecture base;
        base.modes = bench::parse_list(arguments.at("modes"));
        base.window = integer("window");
        base.features = base.hidden = integer("features");
        const SeriesTable series =
            bench::read_wide(arguments.at("data") + "/values.csv", {.names = false, .index = false});
        if (series.series() != base.series()) {
            std::fprintf(stderr, "%lld columns do not fit the modes\n", static_cast<long long>(series.series()));
            return 2;
        }
        const Split split{series.steps * 7 / 10, series.steps * 8 / 10};
        const Net3Table table(series, Net3Scaling::fit(series, split.training));
        base.fills_gaps = table.has_gaps;
        // Every set of modes.
        for (unsigned set = 1; set < 1U << base.modes.size(); ++set) {
            std::vector<int> term;
            for (std::size_t mode = 0; mode < base.modes.size(); ++mode)
                if ((set >> mode & 1U) != 0) term.push_back(static_cast<int>(mode));
            base.terms.push_back(std::move(term));
        }
        for (std::size_t mode = 0; mode < base.modes.size(); ++mode) {
            base.compressed.push_back(static_cast<std::int64_t>(
                std::ceil(static_cast<double>(base.modes[mode]) * std::atof(arguments.at("ratio").c_str()))));
            const std::vector<float> given =
                read_graph(arguments.at("data") + "/graph_" + std::to_string(mode) + ".csv");
            if (given.empty()) {
                base.graphs.push_back(correlation_graph(table, base.modes, mode, split.training, nullptr));
                continue;
            }
            const std::int64_t places = base.modes[mode];
            std::vector<ModeGraph::Edge> edges;
            for (std::int64_t i = 0; i < places; ++i)
                for (std::int64_t j = 0; j < places; ++j)
                    if (const float weight = given.at(at(i * places + j)); weight != 0)
                        edges.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(j), weight});
            base.graphs.push_back(normalised_graph(base.modes[mode], edges));
        }
        apply_variant(arguments.at("skip") + "_skip", base);
        apply_variant(arguments.at("head") + "_head", base);
        const std::vector<float> skip = fit_autoregression(table, split.training, base.window, nullptr);

        if (integer("rivals") != 0) {
            const std::vector<float> filled = carried_forward(table);
            const auto test = [&](const char* name, auto forecast) {
                std::printf("%-20s %.4f\n", name, rmse(table, split.validation, table.steps, forecast));
                std::fflush(stdout);
            };
            test("persistence", [&](std::int64_t step, float* out) {
                std::copy_n(filled.data() + (step - 1) * table.series, table.series, out);
            });
            test("AR", [&](std::int64_t step, float* out) {
                for (std::int64_t one = 0; one < table.series; ++one) {
                    float sum = skip[at(base.window * table.series + one)];
                    for (std::int64_t lag = 0; lag < base.window; ++lag)
                        sum += skip[at(lag * table.series + one)] *
                               filled[at((step - base.window + lag) * table.series + one)];
                    out[one] = sum;
                }
            });
            const VectorAutoregression var(table, filled, split, base.window);
            test("VAR", [&](std::int64_t step, float* out) { var.forecast(step, out); });
        }

        CpuDevice device(static_cast<int>(integer("threads")));
        std::stringstream variants(arguments.at("variants"));
        for (std::string variant; std::getline(variants, variant, ',');) {
            Net3Architecture net = base;
            apply_variant(variant, net);
            std::string line;
            double total = 0;
            double seconds = 0;
            std::int64_t numbers = 0;
            std::string epochs;
            for (std::int64_t seed = 1; seed <= integer("seeds"); ++seed) {
                const Net3Network network(net, static_cast<std::uint64_t>(seed), skip);
                const Net3Samples samples(table, net, split.training);
                // Test windows come after those that decide when training stops.
                class Part final : public WindowSamples {
                  public:
                    Part(const Net3Samples& all, std::int64_t test_begin) : all_(all) {
                        while (validation_ < all.validation_count() &&
                               all.origin(static_cast<std::uint32_t>(all.training_count() + validation_)) < test_begin)
                            ++validation_;
                    }
                    std::int64_t training_count() const override { return all_.training_count(); }
                    std::int64_t validation_count() const override { return validation_; }
                    void write(std::int64_t sample, std::span<const TensorView> inputs,
                               std::int64_t row) const noexcept override {
                        all_.write(sample, inputs, row);
                    }

                  private:
                    const Net3Samples& all_;
                    std::int64_t validation_ = 0;
                } const part(samples, split.validation);
                WindowTrainingSettings settings;
                settings.epochs = integer("epochs");
                settings.batch_size = integer("batch");
                settings.learning_rate = std::atof(arguments.at("learning_rate").c_str());
                if (arguments.at("schedule") == "cosine") settings.schedule = ScheduleKind::kCosine;
                settings.patience = integer("patience");
                settings.seed = static_cast<std::uint64_t>(seed);
                const bench::TrainedNet3 trained =
                    bench::train_net3(static_cast<int>(integer("threads")), network, part, settings);
                double squares = 0;
                double count = 0;
                bench::forecast_net3(device, network, trained, samples, part.training_count() + part.validation_count(),
                                     samples.training_count() + samples.validation_count(),
                                     [&](std::int64_t sample, const float* forecast) {
                                         const std::int64_t step = samples.origin(static_cast<std::uint32_t>(sample));
                                         for (std::int64_t one = 0; one < table.series; ++one) {
                                             const std::size_t place = at(step * table.series + one);
                                             if (table.present[place] == 0) continue;
                                             const double error =
                                                 static_cast<double>(forecast[one] - table.values[place]);
                                             squares += error * error;
                                             count += 1;
                                         }
                                     });
                const double error = std::sqrt(squares / count);
                char text[64];
                std::snprintf(text, sizeof text, " %.4f", error);
                line += text;
                total += error;
                seconds += trained.seconds;
                epochs += " " + std::to_string(trained.best_epoch);
                numbers = std::accumulate(trained.weights.begin(), trained.weights.end(), std::int64_t{0},
                                          [](std::int64_t sum, const std::vector<float>& weights) {
                                              return sum + static_cast<std::int64_t>(weights.size());
                                          });
            }
            std::printf("%-20s%s  mean %.4f  %lld parameters, best epochs%s, %.1f s\n", variant.c_str(), line.c_str(),
                        total / static_cast<double>(integer("seeds")), static_cast<long long>(numbers), epochs.c_str(),
                        seconds);
            std::fflush(stdout);
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.detail().c_str());
        return 1;
    }
    return 0;
}
