// See gap_blend.h.
#include "models/forecast/gap_blend.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/forecast/symmetric_solvers.h"

namespace tensile {

namespace {

// Sums of a weighted least squares problem.
struct NormalEquations {
    explicit NormalEquations(std::int64_t width) : n(width), matrix(width * width, 0.0), right(width, 0.0) {}

    void add(std::span<const double> row, double target) {
        for (std::int64_t i = 0; i < n; ++i) {
            const double factor = row[i];
            if (factor == 0.0) continue;
            for (std::int64_t j = 0; j <= i; ++j)
                matrix[i * n + j] += factor * row[j];
            right[i] += factor * target;
        }
        count += 1.0;
    }
    void add(const NormalEquations& other) {
        for (std::size_t i = 0; i < matrix.size(); ++i)
            matrix[i] += other.matrix[i];
        for (std::size_t i = 0; i < right.size(); ++i)
            right[i] += other.right[i];
        count += other.count;
    }
    double mean_diagonal() const {
        double sum = 0.0;
        for (std::int64_t i = 0; i < n; ++i)
            sum += matrix[i * n + i];
        return sum / (static_cast<double>(n) * std::max(count, 1.0));
    }
    // argmin |A w - y|^2 + penalty |w - centre|^2
    std::vector<double> solve(double penalty, std::span<const double> centre) const {
        std::vector<double> factor = matrix;
        std::vector<double> solution = right;
        for (std::int64_t i = 0; i < n; ++i) {
            factor[i * n + i] += penalty;
            solution[i] += penalty * centre[i];
        }
        if (!factor_cholesky(factor, n)) return {centre.begin(), centre.end()};
        solve_cholesky(factor, n, solution);
        return solution;
    }

    std::int64_t n;
    std::vector<double> matrix;  // lower triangle
    std::vector<double> right;
    double count = 0.0;
};

}  // namespace

int GapBlend::distance_class(std::int32_t distance) {
    return distance <= 1 ? 0 : distance <= 2 ? 1 : distance <= 7 ? 2 : 3;
}

void GapBlend::differences(const GapCells& cells, std::int64_t i, std::span<double> out) const {
    const std::span<const float> row = cells.row(i);
    const float reference = row[reference_];
    for (std::int64_t j = 0; j < width_; ++j)
        out[j] = double{row[j]} - (j < cells.candidates ? double{reference} : 0.0);
}

GapBlend GapBlend::interpolation(std::int64_t width) {
    GapBlend blend;
    blend.width_ = width;
    blend.weights_.assign(kClasses * width, 0.0);
    return blend;
}

GapBlend GapBlend::fit(const GapCells& cells, std::span<const float> truth, std::span<const std::uint8_t> part,
                       std::uint8_t left_out, double ridge) {
    // Cells of evidence that the weights common to all classes stand for in each class.
    constexpr double kCommonCells = 50.0;
    GapBlend blend = interpolation(cells.width);
    std::vector<double> error(cells.candidates, 0.0);
    for (std::int64_t i = 0; i < cells.size(); ++i) {
        if (part[i] == left_out) continue;
        for (std::int64_t j = 0; j < cells.candidates; ++j) {
            const double relative = (cells.row(i)[j] - truth[i]) / cells.noise[i];
            error[j] += relative * relative;
        }
    }
    blend.reference_ = std::min_element(error.begin(), error.end()) - error.begin();

    std::vector<NormalEquations> classes(kClasses, NormalEquations(cells.width));
    std::vector<double> row(cells.width);
    for (std::int64_t i = 0; i < cells.size(); ++i) {
        if (part[i] == left_out) continue;
        blend.differences(cells, i, row);
        for (double& value : row)
            value /= cells.noise[i];
        classes[distance_class(cells.distance[i])].add(row,
                                                       (truth[i] - cells.row(i)[blend.reference_]) / cells.noise[i]);
    }
    NormalEquations all(cells.width);
    for (const NormalEquations& one : classes)
        all.add(one);
    const double size = all.mean_diagonal() + std::numeric_limits<double>::min();
    const std::vector<double> nothing(cells.width, 0.0);
    const std::vector<double> common = all.solve(size * (ridge * all.count + 1.0), nothing);
    for (int one = 0; one < kClasses; ++one) {
        const double own = classes[one].mean_diagonal() + size;
        const std::vector<double> weights =
            classes[one].solve(own * (ridge * classes[one].count + kCommonCells), common);
        std::copy(weights.begin(), weights.end(), blend.weights_.begin() + one * cells.width);
    }
    return blend;
}

float GapBlend::estimate(const GapCells& cells, std::int64_t i) const {
    const std::span<const float> row = cells.row(i);
    const double* weights = weights_.data() + distance_class(cells.distance[i]) * width_;
    const double reference = row[reference_];
    double sum = reference;
    for (std::int64_t j = 0; j < width_; ++j)
        sum += weights[j] * (row[j] - (j < cells.candidates ? reference : 0.0));
    return static_cast<float>(sum);
}

std::array<double, GapIntervals::kTraits> GapIntervals::traits(const GapCells& cells, std::int64_t i, float estimate) {
    const std::span<const float> candidates = cells.row(i).first(cells.candidates);
    double mean = 0.0;
    for (const float value : candidates)
        mean += value;
    mean /= static_cast<double>(cells.candidates);
    double spread = 0.0;
    for (const float value : candidates)
        spread += (value - mean) * (value - mean);
    spread = std::sqrt(spread / static_cast<double>(cells.candidates));
    const double noise = cells.noise[i];
    const double size = std::abs(estimate);
    const double height = std::max(0.0, double{estimate} - cells.height[i]);
    return {1.0,
            std::log(noise),
            std::log1p(static_cast<double>(std::min(cells.distance[i], 1024))),
            std::log(spread / noise + 0.05),
            std::log(height + 0.05),
            size,
            std::log(std::abs(estimate - double{candidates[0]}) / noise + 0.05)};
}

double GapIntervals::scale(const GapCells& cells, std::int64_t i, float estimate) const {
    if (weights_.empty()) return cells.noise[i];
    const std::array<double, kTraits> row = traits(cells, i, estimate);
    double logarithm = 0.0;
    for (std::size_t j = 0; j < row.size(); ++j)
        logarithm += weights_[j] * row[j];
    constexpr double kFurthest = 5.0;  // e^5 times the series' usual error
    return cells.noise[i] * std::exp(std::clamp(logarithm, -kFurthest, kFurthest));
}

GapIntervals GapIntervals::fit(const GapCells& cells, std::span<const float> estimates, std::span<const float> truth,
                               double level) {
    constexpr std::int64_t kFewestForScale = 200;
    GapIntervals intervals;
    const std::int64_t count = cells.size();
    if (count >= kFewestForScale) {
        NormalEquations equations(kTraits);
        for (std::int64_t i = 0; i < count; ++i) {
            const double error = std::abs(double{estimates[i]} - truth[i]) / cells.noise[i];
            equations.add(traits(cells, i, estimates[i]), std::log(error + 0.02));
        }
        intervals.weights_ = equations.solve(1.0, std::vector<double>(kTraits, 0.0));
    }
    std::vector<double> relative(count);
    for (std::int64_t i = 0; i < count; ++i)
        relative[i] = std::abs(double{estimates[i]} - truth[i]) / intervals.scale(cells, i, estimates[i]);
    std::sort(relative.begin(), relative.end());
    // The smallest error that at least `level` of count + 1 exchangeable errors do not exceed.
    const auto rank = static_cast<std::int64_t>(std::ceil(level * static_cast<double>(count + 1)));
    if (rank <= count) {
        intervals.factor_ = relative[std::max<std::int64_t>(rank, 1) - 1];
    } else {
        // Too few to tell: twice what was seen, or twice a series' usual spread.
        intervals.factor_ = 2.0 * (relative.empty() ? 1.0 : std::max(relative.back(), 1.0));
    }
    return intervals;
}

float GapIntervals::half_width(const GapCells& cells, std::int64_t i, float estimate) const {
    return static_cast<float>(factor_ * scale(cells, i, estimate));
}

}  // namespace tensile
