// See lag_gram.h.
#include "models/forecast/lag_gram.h"

#include <algorithm>

#include "models/forecast/vector_clones.h"

namespace tensile {

namespace {

// row[d] += sum over t < count of x[t] x[t + d], for d < width. Four values of t at a time, so that the row is loaded
// and stored a quarter as often.
TENSILE_VECTOR_CLONES
void first_row(const double* x, std::int64_t count, std::int64_t width, double* row) {
    std::int64_t t = 0;
    for (; t + 4 <= count; t += 4) {
        const double* at = x + t;
        for (std::int64_t d = 0; d < width; ++d)
            row[d] += (at[0] * at[d] + at[1] * at[d + 1]) + (at[2] * at[d + 2] + at[3] * at[d + 3]);
    }
    for (; t < count; ++t)
        for (std::int64_t d = 0; d < width; ++d)
            row[d] += x[t] * x[t + d];
}

// From row i to row i + 1 of the Gram matrix, both from the diagonal on; adds the new one to `total`.
TENSILE_VECTOR_CLONES
void next_row(const double* x, std::int64_t i, std::int64_t count, std::int64_t width, double* row, double* total) {
    const double leaving = x[i];
    const double coming = x[i + count];
    const double* left = x + i;
    const double* come = x + i + count;
    for (std::int64_t d = 0; d < width; ++d) {
        row[d] += coming * come[d] - leaving * left[d];
        total[d] += row[d];
    }
}

}  // namespace

LagGram::LagGram(std::int64_t window)
    : window_(window),
      products_(static_cast<std::size_t>(window * window)),
      sums_(static_cast<std::size_t>(window)),
      diagonal_(static_cast<std::size_t>(window)) {}

void LagGram::add(std::span<const double> run, double scale) {
    const std::int64_t count = static_cast<std::int64_t>(run.size()) - window_ + 1;
    if (count < 1) return;
    std::vector<double> scaled;
    const double* x = run.data();
    if (scale != 1) {
        scaled.assign(run.begin(), run.end());
        for (double& value : scaled)
            value *= scale;
        x = scaled.data();
    }
    std::ranges::fill(diagonal_, 0);
    first_row(x, count, window_, diagonal_.data());
    for (std::int64_t d = 0; d < window_; ++d)
        products_[static_cast<std::size_t>(d)] += diagonal_[static_cast<std::size_t>(d)];
    for (std::int64_t i = 0; i + 1 < window_; ++i)
        next_row(x, i, count, window_ - 1 - i, diagonal_.data(),
                 products_.data() + static_cast<std::size_t>((i + 1) * window_ + i + 1));
    double sum = 0;
    for (std::int64_t t = 0; t < count; ++t)
        sum += x[t];
    for (std::int64_t i = 0; i < window_; ++i) {
        sums_[static_cast<std::size_t>(i)] += sum;
        sum += x[i + count < static_cast<std::int64_t>(run.size()) ? i + count : i] - x[i];
    }
    count_ += count;
}

void WindowMoments::about_zero() {
    const std::size_t width = means.size();
    for (std::size_t a = 0; a < width; ++a)
        for (std::size_t b = 0; b < width; ++b)
            covariances[a * width + b] += count * means[a] * means[b];
    std::ranges::fill(means, 0);
}

WindowMoments moments_of(const LagGram& gram, std::span<const std::int64_t> positions, std::int64_t anchor) {
    WindowMoments moments;
    moments.size = static_cast<std::int64_t>(positions.size());
    moments.count = static_cast<double>(gram.count());
    const std::size_t size = positions.size();
    moments.means.resize(size);
    moments.covariances.resize(size * size);
    const bool anchored = anchor >= 0;
    for (std::size_t a = 0; a < size; ++a)
        moments.means[a] = (gram.sum(positions[a]) - (anchored ? gram.sum(anchor) : 0)) / std::max(1.0, moments.count);
    const double anchor_square = anchored ? gram.product(anchor, anchor) : 0;
    for (std::size_t a = 0; a < size; ++a) {
        const double mean = moments.means[a] * moments.count;
        const double offset = anchored ? anchor_square - gram.product(positions[a], anchor) : 0;
        for (std::size_t b = a; b < size; ++b) {
            double product = gram.product(positions[a], positions[b]);
            if (anchored) product += offset - gram.product(anchor, positions[b]);
            moments.covariances[a * size + b] = product - mean * moments.means[b];
            moments.covariances[b * size + a] = moments.covariances[a * size + b];
        }
    }
    return moments;
}

}  // namespace tensile
