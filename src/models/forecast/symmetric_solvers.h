// Small dense symmetric matrices, row-major in double: Cholesky factors and eigenvalues. For the closed forms of
// forecasting and imputation, whose matrices have at most some hundred rows. Knows nothing of series.
#pragma once

#include <cstdint>
#include <span>

namespace tensile {

// Overwrites the lower triangle of the positive definite `matrix` [n, n] by its Cholesky factor L, matrix = L L'. Only
// the lower triangle is read. False, with the content undefined, when a pivot is not positive.
bool factor_cholesky(std::span<double> matrix, std::int64_t n);

// Solves L L' x = b in place, `factor` as factor_cholesky() left it.
void solve_cholesky(std::span<const double> factor, std::int64_t n, std::span<double> right_side);

// All of (L L')^-1 into `inverse` [n, n].
void invert_cholesky(std::span<const double> factor, std::int64_t n, std::span<double> inverse);

// Eigenvalues of the symmetric `matrix` [n, n], in no order, and the eigenvectors as the rows of `vectors` [n, n].
// `matrix` is destroyed. Householder's reduction to a tridiagonal matrix and the QL method with implicit shifts
// (Golub and Van Loan, "Matrix Computations", 8.3). Throws InternalError for a matrix that is not finite.
void symmetric_eigenvectors(std::span<double> matrix, std::int64_t n, std::span<double> values,
                            std::span<double> vectors);

}  // namespace tensile
