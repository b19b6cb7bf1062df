// The blocked factorisation against the equations that its solution must fulfil.
#include "models/forecast/ridge_solver.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "models/forecast/dense_product.h"
#include "tensor/random.h"

namespace tensile {
namespace {

// X^T X of random rows: positive definite when there are more rows than columns.
std::vector<double> random_gram(std::size_t size, std::size_t rows) {
    std::vector<double> gram(size * size);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t i = 0; i < size; ++i)
            for (std::size_t j = 0; j < size; ++j)
                gram[i * size + j] += random_normal(1, r, i) * random_normal(1, r, j);
    return gram;
}

class RidgeSolverSizes : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RidgeSolverSizes, FulfilsTheNormalEquations) {
    const std::size_t size = GetParam();
    constexpr std::size_t kColumns = 5;
    constexpr double kLambda = 0.01;
    const std::vector<double> gram = random_gram(size, size + 10);
    std::vector<double> right(size * kColumns);
    for (std::size_t i = 0; i < right.size(); ++i)
        right[i] = random_normal(2, 0, i);
    double trace = 0;
    for (std::size_t i = 0; i < size; ++i)
        trace += gram[i * size + i];
    const double ridge = kLambda * trace / static_cast<double>(size);

    RidgeSolver solver(size);
    ASSERT_TRUE(solver.factorize(gram, kLambda));
    std::vector<double> solution = right;
    solver.solve(solution, kColumns);
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t c = 0; c < kColumns; ++c) {
            double left = ridge * solution[i * kColumns + c];
            for (std::size_t j = 0; j < size; ++j)
                left += gram[i * size + j] * solution[j * kColumns + c];
            EXPECT_NEAR(left, right[i * kColumns + c], 1e-9);
        }
}

// Within one block, exactly one, several with a rest.
INSTANTIATE_TEST_SUITE_P(Blocks, RidgeSolverSizes, ::testing::Values(1, 2, 7, 47, 48, 49, 96, 131));

TEST(RidgeSolver, RefusesWhatIsNotPositiveDefinite) {
    RidgeSolver solver(3);
    const std::vector<double> singular = {1, 1, 0, 1, 1, 0, 0, 0, 1};
    EXPECT_FALSE(solver.factorize(singular, 0));
    EXPECT_TRUE(solver.factorize(singular, 0.1));  // the ridge makes it one
    EXPECT_FALSE(solver.factorize(std::vector<double>(9, 0.0), 0.1));
    EXPECT_FALSE(solver.factorize(std::vector<double>(9, std::nan("")), 0.1));
}

TEST(DenseProduct, AddsTheProductForEveryRestOfTheTiles) {
    for (const std::size_t rows : {1U, 3U, 4U, 9U})
        for (const std::size_t columns : {1U, 7U, 8U, 17U}) {
            constexpr std::size_t kDepth = 5;
            std::vector<double> left(rows * kDepth);
            std::vector<double> right(kDepth * columns);
            std::vector<double> target(rows * columns, 1);
            for (std::size_t i = 0; i < left.size(); ++i)
                left[i] = random_normal(3, 0, i);
            for (std::size_t i = 0; i < right.size(); ++i)
                right[i] = random_normal(3, 1, i);
            add_product({target.data(), columns}, {left.data(), kDepth}, {right.data(), columns}, rows, columns,
                        kDepth);
            for (std::size_t i = 0; i < rows; ++i)
                for (std::size_t j = 0; j < columns; ++j) {
                    double sum = 0;
                    for (std::size_t k = 0; k < kDepth; ++k)
                        sum += left[i * kDepth + k] * right[k * columns + j];
                    EXPECT_DOUBLE_EQ(target[i * columns + j], 1 + sum);
                }
        }
}

}  // namespace
}  // namespace tensile
