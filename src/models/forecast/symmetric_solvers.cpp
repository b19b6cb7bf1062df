// See symmetric_solvers.h.
#include "models/forecast/symmetric_solvers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/error.h"

namespace tensile {

namespace {

// row_a, row_b := cosine row_a - sine row_b, sine row_a + cosine row_b
void rotate_rows(double* row_a, double* row_b, std::int64_t n, double cosine, double sine) {
    for (std::int64_t j = 0; j < n; ++j) {
        const double a = row_a[j];
        const double b = row_b[j];
        row_a[j] = cosine * a - sine * b;
        row_b[j] = sine * a + cosine * b;
    }
}

// matrix = Q T Q' with T tridiagonal (`diagonal`, `beside`: beside[i] couples i and i + 1); `vectors` becomes Q'.
void reduce_to_tridiagonal(std::span<double> matrix, std::int64_t n, std::span<double> diagonal,
                           std::span<double> beside, std::span<double> vectors) {
    std::fill(vectors.begin(), vectors.end(), 0.0);
    for (std::int64_t i = 0; i < n; ++i)
        vectors[i * n + i] = 1.0;
    std::vector<double> reflector(n);
    std::vector<double> product(n);
    for (std::int64_t k = 0; k + 2 < n; ++k) {
        // The reflection I - v v' that sends column k below the diagonal to a multiple of its first unit vector.
        double norm = 0.0;
        for (std::int64_t i = k + 1; i < n; ++i)
            norm = std::hypot(norm, matrix[i * n + k]);
        beside[k] = norm;
        if (norm == 0.0) continue;
        const double first = matrix[(k + 1) * n + k];
        const double target = first > 0.0 ? -norm : norm;
        beside[k] = target;
        const double scale = 1.0 / std::sqrt(norm * (norm + std::abs(first)));
        for (std::int64_t i = k + 1; i < n; ++i)
            reflector[i] = (matrix[i * n + k] - (i == k + 1 ? target : 0.0)) * scale;

        // (I - v v') A (I - v v') = A - v w' - w v',  w = A v - v (v' A v) / 2
        double half = 0.0;
        for (std::int64_t i = k + 1; i < n; ++i) {
            double sum = 0.0;
            for (std::int64_t j = k + 1; j < n; ++j)
                sum += matrix[i * n + j] * reflector[j];
            product[i] = sum;
            half += sum * reflector[i];
        }
        half *= 0.5;
        for (std::int64_t i = k + 1; i < n; ++i)
            product[i] -= half * reflector[i];
        for (std::int64_t i = k + 1; i < n; ++i)
            for (std::int64_t j = k + 1; j < n; ++j)
                matrix[i * n + j] -= reflector[i] * product[j] + product[i] * reflector[j];

        std::fill(product.begin(), product.end(), 0.0);
        for (std::int64_t i = k + 1; i < n; ++i)
            for (std::int64_t j = 0; j < n; ++j)
                product[j] += reflector[i] * vectors[i * n + j];
        for (std::int64_t i = k + 1; i < n; ++i)
            for (std::int64_t j = 0; j < n; ++j)
                vectors[i * n + j] -= reflector[i] * product[j];
    }
    for (std::int64_t i = 0; i < n; ++i)
        diagonal[i] = matrix[i * n + i];
    if (n >= 2) beside[n - 2] = matrix[(n - 1) * n + n - 2];
    beside[n - 1] = 0.0;
}

// One implicit QL sweep over the unreduced block [first, last].
void sweep(std::span<double> diagonal, std::span<double> beside, std::int64_t first, std::int64_t last,
           std::span<double> vectors, std::int64_t n) {
    const double ratio = (diagonal[first + 1] - diagonal[first]) / (2.0 * beside[first]);
    double bulge =
        diagonal[last] - diagonal[first] + beside[first] / (ratio + std::copysign(std::hypot(ratio, 1.0), ratio));
    double sine = 1.0;
    double cosine = 1.0;
    double shift = 0.0;
    for (std::int64_t i = last - 1; i >= first; --i) {
        const double over = sine * beside[i];
        const double kept = cosine * beside[i];
        const double length = std::hypot(over, bulge);
        beside[i + 1] = length;
        if (length == 0.0) {  // the block has fallen apart
            diagonal[i + 1] -= shift;
            beside[last] = 0.0;
            return;
        }
        sine = over / length;
        cosine = bulge / length;
        const double moved = diagonal[i + 1] - shift;
        const double step = (diagonal[i] - moved) * sine + 2.0 * cosine * kept;
        shift = sine * step;
        diagonal[i + 1] = moved + shift;
        bulge = cosine * step - kept;
        rotate_rows(vectors.data() + i * n, vectors.data() + (i + 1) * n, n, cosine, sine);
    }
    diagonal[first] -= shift;
    beside[first] = bulge;
    beside[last] = 0.0;
}

}  // namespace

bool factor_cholesky(std::span<double> matrix, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        double* row = matrix.data() + i * n;
        for (std::int64_t j = 0; j <= i; ++j) {
            const double* other = matrix.data() + j * n;
            double sum = row[j];
            for (std::int64_t k = 0; k < j; ++k)
                sum -= row[k] * other[k];
            if (j < i) {
                row[j] = sum / other[j];
            } else {
                if (!(sum > 0.0)) return false;
                row[i] = std::sqrt(sum);
            }
        }
    }
    return true;
}

void solve_cholesky(std::span<const double> factor, std::int64_t n, std::span<double> right_side) {
    for (std::int64_t i = 0; i < n; ++i) {
        double sum = right_side[i];
        for (std::int64_t k = 0; k < i; ++k)
            sum -= factor[i * n + k] * right_side[k];
        right_side[i] = sum / factor[i * n + i];
    }
    for (std::int64_t i = n - 1; i >= 0; --i) {
        const double value = right_side[i] / factor[i * n + i];
        right_side[i] = value;
        for (std::int64_t k = 0; k < i; ++k)
            right_side[k] -= factor[i * n + k] * value;
    }
}

void invert_cholesky(std::span<const double> factor, std::int64_t n, std::span<double> inverse) {
    for (std::int64_t i = 0; i < n; ++i) {
        const std::span<double> row = inverse.subspan(i * n, n);
        std::fill(row.begin(), row.end(), 0.0);
        row[i] = 1.0;
        solve_cholesky(factor, n, row);
    }
}

void symmetric_eigenvectors(std::span<double> matrix, std::int64_t n, std::span<double> values,
                            std::span<double> vectors) {
    // A sweep or two find one eigenvalue; more than this happens only to values that are not numbers.
    constexpr int kMostSweeps = 60;
    std::vector<double> beside(n);
    reduce_to_tridiagonal(matrix, n, values, beside, vectors);
    for (std::int64_t first = 0; first < n; ++first) {
        for (int sweeps = 0;; ++sweeps) {
            std::int64_t last = first;
            while (last + 1 < n &&
                   !(std::abs(beside[last]) <=
                     std::numeric_limits<double>::epsilon() * (std::abs(values[last]) + std::abs(values[last + 1]))))
                ++last;
            if (last == first) break;
            if (sweeps == kMostSweeps) throw InternalError("eigenvalues did not converge");
            sweep(values, beside, first, last, vectors, n);
        }
    }
}

}  // namespace tensile
