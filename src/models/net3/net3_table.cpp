// See net3_table.h.
#include "models/net3/net3_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/stop.h"

namespace tensile {

namespace {

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

// Of what is not NaN, in two passes.
struct Moments {
    double mean = 0;
    double deviation = 1;

    template <typename Each>
    explicit Moments(Each each) {
        double sum = 0;
        double count = 0;
        each([&](float value) {
            sum += static_cast<double>(value);
            count += 1;
        });
        if (count == 0) return;
        mean = sum / count;
        double squares = 0;
        each([&](float value) {
            const double distance = static_cast<double>(value) - mean;
            squares += distance * distance;
        });
        const double found = std::sqrt(squares / count);
        // Less than what rounding leaves of a constant.
        if (found > 1e-6 * (1e-30 + std::abs(mean))) deviation = found;
    }
};

// Solves a x = b for a symmetric positive definite a [n, n] by Cholesky's method; a and b are overwritten, b with x.
// False when a is not positive definite.
bool solve_in_place(std::vector<double>& a, std::vector<double>& b) {
    const std::size_t n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = a[i * n + j];
            for (std::size_t k = 0; k < j; ++k)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j) {
                if (!(sum > 0)) return false;
                a[i * n + i] = std::sqrt(sum);
            } else {
                a[i * n + j] = sum / a[j * n + j];
            }
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k)
            b[i] -= a[i * n + k] * b[k];
        b[i] /= a[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k)
            b[i] -= a[k * n + i] * b[k];
        b[i] /= a[i * n + i];
    }
    return true;
}

// From symmetric weights without loops.
std::vector<float> normalised(std::int64_t places, const std::vector<double>& weights) {
    std::vector<double> degree(at(places));
    for (std::int64_t i = 0; i < places; ++i)
        for (std::int64_t j = 0; j < places; ++j)
            degree[at(i)] += weights[at(i * places + j)];
    std::vector<float> result(weights.size());
    for (std::int64_t i = 0; i < places; ++i)
        for (std::int64_t j = 0; j < places; ++j)
            if (const double weight = weights[at(i * places + j)]; weight > 0)
                result[at(i * places + j)] = static_cast<float>(weight / std::sqrt(degree[at(i)] * degree[at(j)]));
    return result;
}

}  // namespace

Net3Scaling Net3Scaling::fit(const SeriesTable& table, std::int64_t training_steps) {
    Net3Scaling scaling;
    const std::int64_t series = table.series();
    for (std::int64_t one = 0; one < series; ++one) {
        const Moments moments([&](auto take) {
            for (std::int64_t step = 0; step < training_steps; ++step)
                if (const float value = table.at(step)[one]; !std::isnan(value)) take(value);
        });
        scaling.mean.push_back(static_cast<float>(moments.mean));
        scaling.deviation.push_back(static_cast<float>(moments.deviation));
    }
    for (const Covariate& covariate : table.covariates) {
        const auto known = std::span(covariate.values).first(at(training_steps * series));
        const Moments moments([&](auto take) {
            for (float value : known)
                if (!std::isnan(value)) take(value);
        });
        scaling.covariate_mean.push_back(static_cast<float>(moments.mean));
        scaling.covariate_deviation.push_back(static_cast<float>(moments.deviation));
    }
    return scaling;
}

Net3Table::Net3Table(const SeriesTable& table, const Net3Scaling& scaling, std::int64_t first)
    : steps(table.steps - first),
      series(table.series()),
      covariate_count(static_cast<std::int64_t>(table.covariates.size())),
      values(at(steps * series)),
      present(at(steps * series)),
      covariates(at(steps * series * covariate_count)) {
    for (std::int64_t step = 0; step < steps; ++step) {
        for (std::int64_t one = 0; one < series; ++one) {
            const float value = table.at(first + step)[one];
            const std::size_t place = at(step * series + one);
            if (std::isnan(value)) {
                has_gaps = true;
                continue;
            }
            values[place] = (value - scaling.mean[at(one)]) / scaling.deviation[at(one)];
            present[place] = 1.0F;
        }
    }
    for (std::int64_t i = 0; i < covariate_count; ++i) {
        const float* from = table.covariates[at(i)].values.data() + first * series;
        for (std::size_t place = 0; place < values.size(); ++place)
            if (!std::isnan(from[place]))
                covariates[place * at(covariate_count) + at(i)] =
                    (from[place] - scaling.covariate_mean[at(i)]) / scaling.covariate_deviation[at(i)];
    }
}

std::int64_t Net3Table::present_in(std::int64_t step) const {
    const auto row = std::span(present).subspan(at(step * series), at(series));
    return std::ranges::count(row, 1.0F);
}

std::uint64_t Net3Table::bytes() const {
    return (values.size() + present.size() + covariates.size()) * sizeof(float);
}

Net3Samples::Net3Samples(const Net3Table& table, const Net3Architecture& architecture, std::int64_t validation_begin)
    : table_(table), window_(architecture.window), fills_gaps_(architecture.fills_gaps) {
    std::vector<std::int64_t> present(at(table.steps));
    for (std::int64_t step = 0; step < table.steps; ++step)
        present[at(step)] = table.present_in(step);
    std::int64_t in_window = 0;
    for (std::int64_t step = 0; step < table.steps; ++step) {
        if (step >= window_ && in_window > 0 && present[at(step)] > 0) {
            origins_.push_back(step);
            if (step < validation_begin) ++training_count_;
        }
        in_window += present[at(step)];
        if (step >= window_) in_window -= present[at(step - window_)];
    }
}

void Net3Samples::write(std::int64_t sample, std::span<const TensorView> inputs, std::int64_t row) const noexcept {
    const std::int64_t origin = origins_[at(sample)];
    std::size_t next = 0;
    const auto copy = [&](const std::vector<float>& from, std::int64_t first, std::int64_t width) {
        std::memcpy(inputs[next++].as<float>() + row * width, from.data() + first, at(width) * sizeof(float));
    };
    const std::int64_t first = (origin - window_) * table_.series;
    copy(table_.values, first, window_ * table_.series);
    if (fills_gaps_) copy(table_.present, first, window_ * table_.series);
    // Those of the steps that are forecast: one later.
    if (table_.covariate_count > 0)
        copy(table_.covariates, (first + table_.series) * table_.covariate_count,
             window_ * table_.series * table_.covariate_count);
    copy(table_.values, origin * table_.series, table_.series);
    copy(table_.present, origin * table_.series, table_.series);
}

std::vector<float> fit_autoregression(const Net3Table& table, std::int64_t training_steps, std::int64_t window,
                                      const std::atomic<bool>* stop) {
    constexpr double kRidge = 1e-3;  // of the number of windows: values have variance 1
    const std::size_t terms = at(window + 1);
    std::vector<float> result(terms * at(table.series));
    std::vector<double> x(terms, 1.0);
    for (std::int64_t one = 0; one < table.series; ++one) {
        throw_if_stopped(stop);
        std::vector<double> gram(terms * terms);
        std::vector<double> right(terms);
        std::int64_t windows = 0;
        std::int64_t complete = 0;  // present steps in a row so far
        for (std::int64_t step = 0; step < training_steps; ++step) {
            const bool is_present = table.present[at(step * table.series + one)] != 0;
            if (is_present && complete >= window) {
                for (std::int64_t i = 0; i < window; ++i)
                    x[at(i)] = static_cast<double>(table.values[at((step - window + i) * table.series + one)]);
                const auto target = static_cast<double>(table.values[at(step * table.series + one)]);
                for (std::size_t i = 0; i < terms; ++i) {
                    right[i] += x[i] * target;
                    for (std::size_t j = 0; j <= i; ++j)
                        gram[i * terms + j] += x[i] * x[j];
                }
                ++windows;
            }
            complete = is_present ? complete + 1 : 0;
        }
        for (std::size_t i = 0; i + 1 < terms; ++i)
            gram[i * terms + i] += kRidge * static_cast<double>(windows);
        const bool solved = windows >= 2 * window + 2 && solve_in_place(gram, right);
        for (std::size_t i = 0; i < terms; ++i) {
            const double persistence = i + 2 == terms ? 1 : 0;
            result[i * at(table.series) + at(one)] = static_cast<float>(solved ? right[i] : persistence);
        }
    }
    return result;
}

std::vector<float> normalised_graph(std::int64_t places, std::span<const ModeGraph::Edge> edges) {
    std::vector<double> weights(at(places * places));
    for (const ModeGraph::Edge& edge : edges) {
        if (edge.from == edge.to) continue;
        const double weight = std::abs(static_cast<double>(edge.weight));
        for (std::size_t place :
             {at(std::int64_t{edge.from} * places + edge.to), at(std::int64_t{edge.to} * places + edge.from)})
            weights[place] = std::max(weights[place], weight);
    }
    return normalised(places, weights);
}

std::vector<float> correlation_graph(const Net3Table& table, std::span<const std::int64_t> modes, std::size_t mode,
                                     std::int64_t training_steps, const std::atomic<bool>* stop) {
    constexpr std::int64_t kMostSteps = 4096;
    const std::int64_t places = modes[mode];
    std::int64_t inner = 1;
    for (std::size_t m = mode + 1; m < modes.size(); ++m)
        inner *= modes[m];
    const std::int64_t outer = table.series / (places * inner);
    const std::int64_t stride = std::max<std::int64_t>(training_steps / kMostSteps, 1);
    std::vector<double> products(at(places * places));
    std::vector<double> squares(at(places));
    for (std::int64_t step = 0; step < training_steps; step += stride) {
        throw_if_stopped(stop);
        for (std::int64_t block = 0; block < outer; ++block) {
            const float* rows = table.values.data() + step * table.series + block * places * inner;
            for (std::int64_t i = 0; i < places; ++i)
                for (std::int64_t j = 0; j <= i; ++j) {
                    float sum = 0;
                    for (std::int64_t k = 0; k < inner; ++k)
                        sum += rows[i * inner + k] * rows[j * inner + k];
                    products[at(i * places + j)] += static_cast<double>(sum);
                }
        }
    }
    for (std::int64_t i = 0; i < places; ++i)
        squares[at(i)] = products[at(i * places + i)];
    std::vector<double> weights(at(places * places));
    for (std::int64_t i = 0; i < places; ++i)
        for (std::int64_t j = 0; j < i; ++j) {
            const double scale = std::sqrt(squares[at(i)] * squares[at(j)]);
            const double weight = scale > 0 ? std::abs(products[at(i * places + j)]) / scale : 0;
            weights[at(i * places + j)] = weights[at(j * places + i)] = weight;
        }
    return normalised(places, weights);
}

}  // namespace tensile
