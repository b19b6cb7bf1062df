// The parts of imputation: eigenvalues, factor analysis, tensor completion, passes over gaps, the choice of hidden
// cells.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "models/forecast/factor_analysis.h"
#include "models/forecast/gap_candidates.h"
#include "models/forecast/gap_table.h"
#include "models/forecast/hidden_cells.h"
#include "models/forecast/symmetric_solvers.h"
#include "models/forecast/tensor_completion.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

std::vector<double> random_symmetric(std::int64_t n, std::int64_t rank) {
    std::vector<double> matrix(n * n, 0.0);
    for (std::int64_t r = 0; r < rank; ++r)
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t j = 0; j < n; ++j)
                matrix[i * n + j] += random_normal(1, r, i) * random_normal(1, r, j);
    return matrix;
}

TEST(SymmetricSolvers, EigenvectorsReproduceTheMatrix) {
    for (const std::int64_t n : {1, 2, 3, 10, 61}) {
        for (const std::int64_t rank : {std::int64_t{0}, std::int64_t{1}, n / 2, 2 * n}) {
            const std::vector<double> matrix = random_symmetric(n, rank);
            std::vector<double> work = matrix;
            std::vector<double> values(n);
            std::vector<double> vectors(n * n);
            symmetric_eigenvectors(work, n, values, vectors);
            for (std::int64_t i = 0; i < n; ++i)
                for (std::int64_t j = 0; j < n; ++j) {
                    double product = 0.0;
                    double dot = 0.0;
                    for (std::int64_t k = 0; k < n; ++k) {
                        product += values[k] * vectors[k * n + i] * vectors[k * n + j];
                        dot += vectors[i * n + k] * vectors[j * n + k];
                    }
                    EXPECT_NEAR(product, matrix[i * n + j], 1e-10 * static_cast<double>(n + rank));
                    EXPECT_NEAR(dot, i == j ? 1.0 : 0.0, 1e-12 * static_cast<double>(n));
                }
        }
    }
}

TEST(SymmetricSolvers, CholeskySolvesAndRefuses) {
    constexpr std::int64_t kSize = 12;
    const std::vector<double> matrix = random_symmetric(kSize, 3 * kSize);
    std::vector<double> factor = matrix;
    ASSERT_TRUE(factor_cholesky(factor, kSize));
    std::vector<double> solution(kSize);
    std::vector<double> inverse(kSize * kSize);
    for (std::int64_t i = 0; i < kSize; ++i)
        solution[i] = random_normal(2, 0, i);
    const std::vector<double> right = solution;
    solve_cholesky(factor, kSize, solution);
    invert_cholesky(factor, kSize, inverse);
    for (std::int64_t i = 0; i < kSize; ++i) {
        double product = 0.0;
        for (std::int64_t j = 0; j < kSize; ++j)
            product += matrix[i * kSize + j] * solution[j];
        EXPECT_NEAR(product, right[i], 1e-9);
        for (std::int64_t j = 0; j < kSize; ++j) {
            double identity = 0.0;
            for (std::int64_t k = 0; k < kSize; ++k)
                identity += matrix[i * kSize + k] * inverse[k * kSize + j];
            EXPECT_NEAR(identity, i == j ? 1.0 : 0.0, 1e-9);
        }
    }
    std::vector<double> singular = random_symmetric(kSize, 2);
    singular[0] = -1.0;
    EXPECT_FALSE(factor_cholesky(singular, kSize));
}

TEST(FactorAnalysis, FillsAMatrixOfLowRank) {
    constexpr std::int64_t kRows = 300;
    constexpr std::int64_t kColumns = 20;
    std::vector<float> truth(kRows * kColumns);
    for (std::int64_t i = 0; i < kRows; ++i)
        for (std::int64_t j = 0; j < kColumns; ++j)
            for (std::uint64_t factor = 0; factor < 2; ++factor)
                truth[i * kColumns + j] +=
                    static_cast<float>(0.7 * random_normal(1, factor, i) * random_normal(2, factor, j));
    std::vector<float> matrix = truth;
    for (std::size_t cell = 0; cell < matrix.size(); ++cell)
        if (random_uniform(3, 0, cell) < 0.4) matrix[cell] = kMissing;
    const std::vector<float> given = matrix;
    estimate_by_factors(matrix, kRows, kColumns, {.rank = 2, .iterations = 30}, nullptr);
    double error = 0.0;
    double plain = 0.0;
    for (std::size_t cell = 0; cell < matrix.size(); ++cell) {
        if (!std::isnan(given[cell])) continue;
        error += std::pow(matrix[cell] - truth[cell], 2.0);
        plain += std::pow(truth[cell], 2.0);
    }
    EXPECT_LT(error, 0.003 * plain);
}

TEST(FactorAnalysis, KeepsToAnyColumnCount) {
    // A row of nothing, a column of nothing, and many columns without noise, which strain sums in float.
    constexpr std::int64_t kRows = 20;
    constexpr std::int64_t kColumns = 3'000;
    std::vector<float> matrix(kRows * kColumns);
    for (std::int64_t i = 0; i < kRows; ++i)
        for (std::int64_t j = 0; j < kColumns; ++j)
            matrix[i * kColumns + j] =
                i == 3 || j == 5 ? kMissing : static_cast<float>(random_normal(1, 1, i) * random_normal(1, 2, j));
    estimate_by_factors(matrix, kRows, kColumns, {.rank = 6}, nullptr);
    EXPECT_TRUE(std::all_of(matrix.begin(), matrix.end(), [](float value) { return std::isfinite(value); }));
}

TEST(TensorCompletion, FillsATensorOfLowRank) {
    const std::array<std::int64_t, 3> dimensions = {10, 13, 17};
    std::vector<float> truth(10 * 13 * 17);
    for (std::int64_t cell = 0; cell < 10 * 13 * 17; ++cell)
        truth[cell] = static_cast<float>(random_normal(1, 0, cell / (13 * 17)) * random_normal(1, 1, cell / 17 % 13) *
                                         random_normal(1, 2, cell % 17));
    std::vector<float> tensor = truth;
    for (std::size_t cell = 0; cell < tensor.size(); ++cell)
        if (random_uniform(3, 0, cell) < 0.4) tensor[cell] = kMissing;
    complete_tensor(tensor, dimensions, {.tolerance = 1e-5}, nullptr);
    double error = 0.0;
    double size = 0.0;
    for (std::size_t cell = 0; cell < tensor.size(); ++cell) {
        error += std::pow(tensor[cell] - truth[cell], 2.0);
        size += std::pow(truth[cell], 2.0);
    }
    EXPECT_LT(error, 1e-4 * size);
}

TEST(LowRankModels, StopWhenAsked) {
    const std::atomic<bool> stop = true;
    std::vector<float> cells(24, 1.0F);
    EXPECT_THROW(complete_tensor(cells, {2, 3, 4}, {}, &stop), Error);
    EXPECT_THROW(estimate_by_factors(cells, 6, 4, {.rank = 1}, &stop), Error);
}

TEST(TensorCompletion, FillsNothingWithZeros) {
    std::vector<float> tensor(24, kMissing);
    complete_tensor(tensor, {2, 3, 4}, {}, nullptr);
    EXPECT_EQ(tensor, std::vector<float>(24, 0.0F));
}

GapTable one_series(const std::vector<float>& values) {
    SeriesTable table;
    table.steps = static_cast<std::int64_t>(values.size());
    table.values = values;
    return standardize(table);
}

TEST(GapTable, InterpolatesBetweenNeighbours) {
    const GapTable table = one_series({kMissing, 1.0F, kMissing, kMissing, 4.0F, 2.0F, kMissing});
    const std::vector<float> result = interpolate(table);
    const std::vector<float> expected = {1.0F, 1.0F, 2.0F, 3.0F, 4.0F, 2.0F, 2.0F};
    for (std::size_t t = 0; t < expected.size(); ++t)
        EXPECT_NEAR(table.restored(result[t], 0), expected[t], 1e-6F) << t;
    EXPECT_EQ(gap_distances(table), (std::vector<std::int32_t>{1, 0, 1, 1, 0, 0, 1}));
    EXPECT_EQ(table.first[0], 1);
    EXPECT_EQ(table.last[0], 5);
    EXPECT_TRUE(table.nonnegative);
}

TEST(GapTable, SmoothsErrorsOfTheNeighboursOnly) {
    const GapTable table = one_series({-1.0F, kMissing, 1.0F});
    const std::vector<float> nothing(3, 0.0F);
    const std::vector<float> errors = smoothed_errors(table, nothing, 0.5F);
    EXPECT_NEAR(errors[0], 0.5F / 0.8F, 1e-6F);  // of the value two steps later, of weight 1/2 beside the prior's 0.3
    EXPECT_NEAR(errors[1], 0.0F, 1e-6F);
    EXPECT_NEAR(errors[2], -0.5F / 0.8F, 1e-6F);
}

TEST(FoldLength, IsTheSeasonOrAPartOfIt) {
    EXPECT_EQ(fold_length(1000, 24), 24);
    EXPECT_EQ(fold_length(71, 24), 16);   // not three days
    EXPECT_EQ(fold_length(1000, 1), 16);  // no season
    EXPECT_EQ(fold_length(1000, 168), 84);
    EXPECT_EQ(fold_length(1000, 331), 16);  // a prime
    EXPECT_EQ(fold_length(47, 24), 0);
}

TEST(HiddenCells, MoveTheGapsOfTheTable) {
    // Gaps of five steps; those of the two series of a pair are the same.
    SeriesTable table;
    table.steps = 2'000;
    table.modes.push_back({"series", {"a", "b"}});
    table.keys = {0, 1};
    table.values.resize(4'000);
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < 2; ++s)
            table.values[t * 2 + s] = t % 100 >= 40 && t % 100 < 45 ? kMissing : static_cast<float>(t % 7);
    const GapTable gaps = standardize(table);
    const std::vector<std::int64_t> cells = choose_hidden_cells(gaps, {.seed = 3});
    EXPECT_GT(cells.size(), 200U);
    EXPECT_LT(cells.size(), 700U);
    EXPECT_TRUE(std::is_sorted(cells.begin(), cells.end()));
    std::vector<std::uint8_t> hidden(4'000, 0);
    for (const std::int64_t cell : cells) {
        EXPECT_FALSE(std::isnan(gaps.values[cell]));
        hidden[cell] = 1;
    }
    EXPECT_EQ(hidden[0] + hidden[1] + hidden[3'998] + hidden[3'999], 0);
    // Hardly a cell is hidden for itself, or in one series alone.
    std::int64_t alone = 0;
    std::int64_t unpaired = 0;
    for (std::int64_t cell = 2; cell < 3'998; ++cell) {
        if (hidden[cell] == 0) continue;
        alone += hidden[cell - 2] == 0 && hidden[cell + 2] == 0 ? 1 : 0;
        unpaired += hidden[cell ^ 1] == 0 ? 1 : 0;
    }
    EXPECT_LT(alone, static_cast<std::int64_t>(cells.size()) / 10);
    EXPECT_LT(unpaired, static_cast<std::int64_t>(cells.size()) / 10);
    EXPECT_EQ(choose_hidden_cells(gaps, {.seed = 3}), cells);
    EXPECT_NE(choose_hidden_cells(gaps, {.seed = 4}), cells);
}

}  // namespace
}  // namespace tensile
