// See factor_analysis.h.
#include "models/forecast/factor_analysis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "models/forecast/symmetric_solvers.h"
#include "models/stop.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {

namespace {

// Cells whose noise the prior of a column's noise variance stands for, and the variance that they have.
constexpr double kPriorCells = 2.0;
constexpr double kPriorNoise = 0.05;
constexpr double kLeastNoise = 1e-4;

void add_scaled(float* sum, const float* values, float factor, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i)
        sum[i] += factor * values[i];
}

class FactorModel {
  public:
    FactorModel(std::int64_t columns, std::int64_t rank, std::uint64_t seed)
        : columns_(columns),
          rank_(rank),
          packed_(rank * (rank + 1) / 2),
          loadings_(columns * rank),
          squares_(columns * packed_),
          mean_(columns, 0.0F),
          precision_(columns, 1.0F),
          precision_sum_(packed_),
          matrix_(rank * rank),
          inverse_(rank * rank) {
        constexpr std::uint64_t kStream = 0xFAC70;
        for (std::size_t i = 0; i < loadings_.size(); ++i)
            loadings_[i] = static_cast<float>(0.1 * random_normal(seed, kStream, i));
        square_loadings();
    }

    // The sums over rows that one maximisation needs.
    struct Sums {
        std::vector<float> second;        // [columns, packed]: of E[z z'] over the rows in which the column is observed
        std::vector<float> first;         // [columns, rank]: of (x - mean) E[z]
        std::vector<float> factors;       // [columns, rank]: of E[z]
        std::vector<double> values;       // [columns]: of x - mean
        std::vector<double> square;       // [columns]: of (x - mean)^2
        std::vector<std::int64_t> count;  // [columns]
    };
    Sums empty_sums() const {
        return {std::vector<float>(columns_ * packed_), std::vector<float>(columns_ * rank_),
                std::vector<float>(columns_ * rank_),   std::vector<double>(columns_),
                std::vector<double>(columns_),          std::vector<std::int64_t>(columns_)};
    }

    // E[z] of a row into `factors` [rank], and E[z z'] packed by lower triangles into `second` unless that is empty.
    void expect(const float* row, std::span<float> factors, std::span<float> second) {
        std::fill(precision_sum_.begin(), precision_sum_.end(), 0.0F);
        std::array<double, kMostFactors> right{};
        for (std::int64_t j = 0; j < columns_; ++j) {
            if (std::isnan(row[j])) continue;
            add_scaled(precision_sum_.data(), squares_.data() + j * packed_, precision_[j], packed_);
            const float weighted = (row[j] - mean_[j]) * precision_[j];
            const float* loading = loadings_.data() + j * rank_;
            for (std::int64_t a = 0; a < rank_; ++a)
                right[a] += static_cast<double>(weighted * loading[a]);
        }
        // I + W' N W has eigenvalues of at least 1, except for what sums in float lose when noise is small.
        double diagonal = 1.0;
        for (unpack(precision_sum_.data(), diagonal); !factor_cholesky(matrix_, rank_);
             unpack(precision_sum_.data(), diagonal))
            diagonal *= 10.0;
        solve_cholesky(matrix_, rank_, std::span(right).first(rank_));
        for (std::int64_t a = 0; a < rank_; ++a)
            factors[a] = static_cast<float>(right[a]);
        if (second.empty()) return;
        invert_cholesky(matrix_, rank_, inverse_);
        for (std::int64_t a = 0, at = 0; a < rank_; ++a)
            for (std::int64_t b = 0; b <= a; ++b, ++at)
                second[at] = static_cast<float>(inverse_[a * rank_ + b] + right[a] * right[b]);
    }

    void add(const float* row, std::span<const float> factors, std::span<const float> second, Sums& sums) const {
        for (std::int64_t j = 0; j < columns_; ++j) {
            if (std::isnan(row[j])) continue;
            const float centred = row[j] - mean_[j];
            add_scaled(sums.second.data() + j * packed_, second.data(), 1.0F, packed_);
            add_scaled(sums.first.data() + j * rank_, factors.data(), centred, rank_);
            add_scaled(sums.factors.data() + j * rank_, factors.data(), 1.0F, rank_);
            sums.values[j] += centred;
            sums.square[j] += double{centred} * centred;
            ++sums.count[j];
        }
    }

    void maximise(const Sums& sums) {
        std::array<double, kMostFactors> solution{};
        for (std::int64_t j = 0; j < columns_; ++j) {
            if (sums.count[j] == 0) continue;
            const double noise = 1.0 / precision_[j];
            // Loadings have the prior N(0, 1 / rank): all factors together then explain a column of unit variance.
            unpack(sums.second.data() + j * packed_, noise * static_cast<double>(rank_));
            for (std::int64_t a = 0; a < rank_; ++a)
                solution[a] = sums.first[j * rank_ + a];
            if (!factor_cholesky(matrix_, rank_)) continue;
            solve_cholesky(matrix_, rank_, std::span(solution).first(rank_));
            // sum E[(x - mean - w z)^2] = sum (x - mean)^2 - 2 w sum (x - mean) E[z] + w sum E[z z'] w'
            double error = sums.square[j];
            double residual = sums.values[j];
            for (std::int64_t a = 0; a < rank_; ++a) {
                error -= 2.0 * solution[a] * sums.first[j * rank_ + a];
                residual -= solution[a] * sums.factors[j * rank_ + a];
                const float* row = sums.second.data() + j * packed_ + a * (a + 1) / 2;
                for (std::int64_t b = 0; b <= a; ++b)
                    error += (a == b ? 1.0 : 2.0) * solution[a] * solution[b] * row[b];
                loadings_[j * rank_ + a] = static_cast<float>(solution[a]);
            }
            const auto count = static_cast<double>(sums.count[j]);
            mean_[j] += static_cast<float>(residual / (count + 1.0));
            const double variance = (std::max(error, 0.0) + kPriorCells * kPriorNoise) / (count + kPriorCells);
            precision_[j] = static_cast<float>(1.0 / std::max(variance, kLeastNoise));
        }
        square_loadings();
    }

    void reconstruct(std::span<const float> factors, float* row) const {
        for (std::int64_t j = 0; j < columns_; ++j) {
            const float* loading = loadings_.data() + j * rank_;
            float sum = mean_[j];
            for (std::int64_t a = 0; a < rank_; ++a)
                sum += loading[a] * factors[a];
            row[j] = sum;
        }
    }

    std::int64_t packed() const { return packed_; }

  private:
    // matrix_ := the lower triangles `packed` + diagonal I
    void unpack(const float* packed, double diagonal) {
        for (std::int64_t a = 0, at = 0; a < rank_; ++a) {
            for (std::int64_t b = 0; b <= a; ++b, ++at)
                matrix_[a * rank_ + b] = packed[at];
            matrix_[a * rank_ + a] += diagonal;
        }
    }
    void square_loadings() {
        for (std::int64_t j = 0; j < columns_; ++j) {
            const float* loading = loadings_.data() + j * rank_;
            float* square = squares_.data() + j * packed_;
            for (std::int64_t a = 0, at = 0; a < rank_; ++a)
                for (std::int64_t b = 0; b <= a; ++b, ++at)
                    square[at] = loading[a] * loading[b];
        }
    }

    std::int64_t columns_;
    std::int64_t rank_;
    std::int64_t packed_;  // numbers of a symmetric [rank, rank] matrix
    std::vector<float> loadings_;
    std::vector<float> squares_;  // [columns, packed]: w w'
    std::vector<float> mean_;
    std::vector<float> precision_;  // 1 / noise variance
    std::vector<float> precision_sum_;
    std::vector<double> matrix_;
    std::vector<double> inverse_;
};

}  // namespace

void estimate_by_factors(std::span<float> matrix, std::int64_t rows, std::int64_t columns,
                         const FactorAnalysisSettings& settings, const std::atomic<bool>* stop) {
    if (settings.rank < 1 || settings.rank > kMostFactors) throw InternalError("a factor model of no possible rank");
    FactorModel model(columns, settings.rank, settings.seed);
    std::vector<float> factors(settings.rank);
    std::vector<float> second(model.packed());

    const auto observed = static_cast<double>(
        std::count_if(matrix.begin(), matrix.end(), [](float value) { return !std::isnan(value); }));
    const double work = observed * 2.0 * static_cast<double>(model.packed()) * settings.iterations;
    const auto stride = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(work / settings.most_work)));
    for (int iteration = 0; iteration < settings.iterations; ++iteration) {
        FactorModel::Sums sums = model.empty_sums();
        // Another part of the rows each time when they are thinned out.
        for (std::int64_t i = iteration % stride; i < rows; i += stride) {
            throw_if_stopped(stop);
            const float* row = matrix.data() + i * columns;
            model.expect(row, factors, second);
            model.add(row, factors, second, sums);
        }
        model.maximise(sums);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
        throw_if_stopped(stop);
        float* row = matrix.data() + i * columns;
        model.expect(row, factors, {});
        model.reconstruct(factors, row);
    }
}

}  // namespace tensile
