// See ridge_solver.h. Blocks of kBlock columns: all work but that within diagonal blocks is matrix products.
#include "models/forecast/ridge_solver.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/forecast/dense_product.h"

namespace tensile {

namespace {

constexpr std::size_t kBlock = 48;

}  // namespace

RidgeSolver::RidgeSolver(std::size_t size) : size_(size), factor_(size * size), panel_(size * kBlock) {}

bool RidgeSolver::factorize(std::span<const double> gram, double lambda) {
    const std::size_t n = size_;
    double trace = 0;
    double greatest = 0;
    for (std::size_t i = 0; i < n; ++i) {
        trace += gram[i * n + i];
        greatest = std::max(greatest, gram[i * n + i]);
    }
    const double ridge = n == 0 ? 0 : lambda * trace / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(gram.data() + i * n, i + 1, factor_.data() + i * n);
        factor_[i * n + i] += ridge;
    }
    // A pivot below the rounding of the largest element says nothing.
    const double least = (greatest + ridge) * static_cast<double>(n) * std::numeric_limits<double>::epsilon();
    for (std::size_t begin = 0; begin < n; begin += kBlock) {
        const std::size_t width = std::min(kBlock, n - begin);
        // Subtract what the columns before explain: rows >= begin of these columns -= L[rows, :begin] · L[block,
        // :begin]^T.
        for (std::size_t k = 0; k < begin; ++k)
            for (std::size_t j = 0; j < width; ++j)
                panel_[k * width + j] = -factor_[(begin + j) * n + k];
        add_product({factor_.data() + begin * n + begin, n}, {factor_.data() + begin * n, n}, {panel_.data(), width},
                    n - begin, width, begin);
        for (std::size_t j = begin; j < begin + width; ++j) {
            const double* row_j = factor_.data() + j * n;
            double pivot = row_j[j];
            for (std::size_t k = begin; k < j; ++k)
                pivot -= row_j[k] * row_j[k];
            if (!(pivot > least)) return false;
            const double root = std::sqrt(pivot);
            factor_[j * n + j] = root;
            for (std::size_t i = j + 1; i < n; ++i) {
                double* row_i = factor_.data() + i * n;
                double sum = row_i[j];
                for (std::size_t k = begin; k < j; ++k)
                    sum -= row_i[k] * row_j[k];
                row_i[j] = sum / root;
            }
        }
    }
    return true;
}

void RidgeSolver::solve(std::span<double> right, std::size_t columns) {
    const std::size_t n = size_;
    double* x = right.data();
    // L Y = C, downwards.
    for (std::size_t begin = 0; begin < n; begin += kBlock) {
        const std::size_t width = std::min(kBlock, n - begin);
        for (std::size_t i = 0; i < width; ++i)
            for (std::size_t k = 0; k < begin; ++k)
                panel_[i * begin + k] = -factor_[(begin + i) * n + k];
        add_product({x + begin * columns, columns}, {panel_.data(), begin}, {x, columns}, width, columns, begin);
        for (std::size_t i = begin; i < begin + width; ++i) {
            double* row = x + i * columns;
            for (std::size_t k = begin; k < i; ++k)
                add_multiple(row, x + k * columns, -factor_[i * n + k], columns);
            const double inverse = 1 / factor_[i * n + i];
            for (std::size_t c = 0; c < columns; ++c)
                row[c] *= inverse;
        }
    }
    // L^T W = Y, upwards.
    for (std::size_t end = n; end > 0;) {
        const std::size_t begin = (end - 1) / kBlock * kBlock;
        const std::size_t below = n - end;
        for (std::size_t i = begin; i < end; ++i)
            for (std::size_t k = 0; k < below; ++k)
                panel_[(i - begin) * below + k] = -factor_[(end + k) * n + i];
        add_product({x + begin * columns, columns}, {panel_.data(), below}, {x + end * columns, columns}, end - begin,
                    columns, below);
        for (std::size_t i = end; i-- > begin;) {
            double* row = x + i * columns;
            for (std::size_t k = i + 1; k < end; ++k)
                add_multiple(row, x + k * columns, -factor_[k * n + i], columns);
            const double inverse = 1 / factor_[i * n + i];
            for (std::size_t c = 0; c < columns; ++c)
                row[c] *= inverse;
        }
        end = begin;
    }
}

}  // namespace tensile
