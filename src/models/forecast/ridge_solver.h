// Ridge regression from a Gram matrix: (G + lambda · mean(diag G) · I) W = C by Cholesky's factorisation, for many
// right-hand sides (Hoerl & Kennard 1970; blocked as in Golub & Van Loan, Matrix Computations, 4.2). Knows neither
// series nor windows.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tensile {

// One size of problem; its memory is used again by every factorisation.
class RidgeSolver {
  public:
    explicit RidgeSolver(std::size_t size);

    std::size_t size() const { return size_; }
    // Factorises `gram` [size, size], symmetric and row-major, of which the lower triangle is read. `lambda` is in
    // units of the mean diagonal element. False, and nothing is held, when the sum is not positive definite to
    // rounding.
    bool factorize(std::span<const double> gram, double lambda);
    // Replaces `right` [size, columns], row-major, by the solution. Needs a factorisation.
    void solve(std::span<double> right, std::size_t columns);

  private:
    std::size_t size_;
    std::vector<double> factor_;  // lower triangle; row-major
    std::vector<double> panel_;   // the transpose of some of its rows or columns
};

}  // namespace tensile
