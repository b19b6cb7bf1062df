// Exact Gram matrices of all windows of some length that slide over series, at the cost of a few passes.
//
// For windows v_t = (x_t, ..., x_{t+P-1}), t = 0 ... n - 1, the sums G[i][j] = sum_t x_{t+i} x_{t+j} obey
//     G[i+1][j+1] = G[i][j] - x_i x_j + x_{i+n} x_{j+n},
// so one row costs n P products and each further one P: O(n P + P^2) instead of O(n P^2) (the covariance method of
// linear prediction; Makhoul 1975, Proc. IEEE 63(4)). Sums are kept in double; the caller takes a centre from the
// values, because the recurrence loses digits in proportion to their squares. Knows no regression.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

class LagGram {
  public:
    explicit LagGram(std::int64_t window);

    // Adds the windows of a run without gaps; one shorter than a window adds nothing. `scale` multiplies the values.
    void add(std::span<const double> run, double scale = 1);

    std::int64_t window() const { return window_; }
    std::int64_t count() const { return count_; }  // windows added
    // Sum over all windows of the product of the values at positions i and j, and of the value at position i.
    double product(std::int64_t i, std::int64_t j) const {
        return products_[static_cast<std::size_t>(i < j ? i * window_ + j : j * window_ + i)];
    }
    double sum(std::int64_t i) const { return sums_[static_cast<std::size_t>(i)]; }

  private:
    std::int64_t window_;
    std::int64_t count_ = 0;
    std::vector<double> products_;  // [window, window], from the diagonal on
    std::vector<double> sums_;
    std::vector<double> diagonal_;  // of the run being added: row i of its Gram matrix, from the diagonal on
};

// Moments of a choice of window positions about their means, ready for a regression with an intercept.
struct WindowMoments {
    std::int64_t size = 0;
    double count = 0;                 // windows
    std::vector<double> means;        // [size]
    std::vector<double> covariances;  // [size, size], sums about the means, not divided by the count

    // Sums about zero instead, and zero means: for a regression without an intercept.
    void about_zero();
};

// The moments of window positions `positions`; with `anchor` (a position of the window), of their differences from the
// value there: the linear map v -> v - v[anchor] applied to the Gram matrix.
WindowMoments moments_of(const LagGram& gram, std::span<const std::int64_t> positions, std::int64_t anchor = -1);

}  // namespace tensile
