// See tensor_completion.h.
#include "models/forecast/tensor_completion.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "models/forecast/symmetric_solvers.h"
#include "models/stop.h"

namespace tensile {

namespace {

using Dimensions = std::array<std::int64_t, 3>;

// A fibre is a vector along one mode; fibres are worked on in tiles of this many, each fibre contiguous in its tile.
constexpr std::int64_t kTile = 64;

// The fibres of a mode are (outer, inner) pairs: cell i of fibre (o, k) lies at (o * length + i) * inner_count + k.
class Fibres {
  public:
    Fibres(const Dimensions& dimensions, int mode) : length_(dimensions[mode]) {
        for (int m = 0; m < mode; ++m)
            outer_ *= dimensions[m];
        for (int m = mode + 1; m < 3; ++m)
            inner_ *= dimensions[m];
    }
    std::int64_t length() const { return length_; }
    std::int64_t count() const { return outer_ * inner_; }

    // Calls visit(fibre's place in the tile, i, place of the cell in the tensor) for all cells of `count` fibres.
    template <typename Visit>
    void for_each_cell(std::int64_t first, std::int64_t count, Visit visit) const {
        for (std::int64_t f = first; f < first + count;) {
            const std::int64_t outer = f / inner_;
            const std::int64_t inner = f % inner_;
            const std::int64_t run = std::min(first + count - f, inner_ - inner);
            for (std::int64_t i = 0; i < length_; ++i) {
                const std::int64_t cell = (outer * length_ + i) * inner_ + inner;
                for (std::int64_t k = 0; k < run; ++k)
                    visit(f - first + k, i, cell + k);
            }
            f += run;
        }
    }

  private:
    std::int64_t length_;
    std::int64_t outer_ = 1;
    std::int64_t inner_ = 1;
};

// out[j] += a0 r0[j] + a1 r1[j] + a2 r2[j] + a3 r3[j]; four rows at a time, because `out` then is loaded a quarter as
// often.
void add_four_rows(float* out, const float* rows, std::int64_t stride, const float* factors, std::int64_t n) {
    const float* r0 = rows;
    const float* r1 = rows + stride;
    const float* r2 = rows + 2 * stride;
    const float* r3 = rows + 3 * stride;
    for (std::int64_t j = 0; j < n; ++j)
        out[j] += (factors[0] * r0[j] + factors[1] * r1[j]) + (factors[2] * r2[j] + factors[3] * r3[j]);
}

std::int64_t padded(std::int64_t count) {
    return (count + 3) / 4 * 4;
}

// `gram` [n, n] += the sum of r r' over the rows r of `tile` [count, n], rows up to padded(count) being zero. Lower
// triangle only.
void add_gram(const float* tile, std::int64_t count, std::int64_t n, std::vector<float>& scratch,
              std::span<double> gram) {
    scratch.assign(n * n, 0.0F);
    for (std::int64_t f = 0; f < padded(count); f += 4)
        for (std::int64_t i = 0; i < n; ++i) {
            const float* rows = tile + f * n;
            const std::array<float, 4> factors = {rows[i], rows[n + i], rows[2 * n + i], rows[3 * n + i]};
            add_four_rows(scratch.data() + i * n, rows, n, factors.data(), i + 1);
        }
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j <= i; ++j)
            gram[i * n + j] += scratch[i * n + j];
}

// One mode's turn: the unfolding with its smaller singular values lowered by a threshold.
class SingularValueShrinkage {
  public:
    SingularValueShrinkage(const Dimensions& dimensions, int mode, double free_share)
        : fibres_(dimensions, mode),
          n_(fibres_.length()),
          free_(std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(free_share * static_cast<double>(n_))))),
          gram_(n_ * n_),
          values_(n_),
          vectors_(n_ * n_),
          projection_(padded(n_) * n_),
          tile_(kTile * n_),
          result_(kTile * n_) {}

    // source(cell) is the unfolding's cell; take(cell, value) receives the shrunk one.
    template <typename Source, typename Take>
    void run(double threshold, Source source, Take take, const std::atomic<bool>* stop) {
        std::fill(gram_.begin(), gram_.end(), 0.0);
        for_each_tile(source, stop,
                      [&](std::int64_t, std::int64_t count) { add_gram(tile_.data(), count, n_, scratch_, gram_); });
        for (std::int64_t i = 0; i < n_; ++i)
            for (std::int64_t j = 0; j < i; ++j)
                gram_[j * n_ + i] = gram_[i * n_ + j];
        symmetric_eigenvectors(gram_, n_, values_, vectors_);
        build_projection(threshold);
        for_each_tile(source, stop, [&](std::int64_t first, std::int64_t count) {
            std::fill(result_.begin(), result_.end(), 0.0F);
            for (std::int64_t f = 0; f < count; ++f)
                multiply(tile_.data() + f * n_, result_.data() + f * n_);
            fibres_.for_each_cell(first, count, [&](std::int64_t f, std::int64_t i, std::int64_t cell) {
                take(cell, result_[f * n_ + i]);
            });
        });
    }

  private:
    template <typename Source, typename Work>
    void for_each_tile(Source source, const std::atomic<bool>* stop, Work work) {
        for (std::int64_t first = 0; first < fibres_.count(); first += kTile) {
            throw_if_stopped(stop);
            const std::int64_t count = std::min(kTile, fibres_.count() - first);
            if (count < kTile) std::fill(tile_.begin(), tile_.end(), 0.0F);
            fibres_.for_each_cell(first, count, [&](std::int64_t f, std::int64_t i, std::int64_t cell) {
                tile_[f * n_ + i] = source(cell);
            });
            work(first, count);
        }
    }

    // U diag(shrunk / singular value) U', padded by zero rows.
    void build_projection(double threshold) {
        std::vector<std::int64_t> order(n_);
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
            return values_[a] != values_[b] ? values_[a] > values_[b] : a < b;
        });
        std::vector<double> sum(n_ * n_, 0.0);
        const double negligible = 1e-9 * std::sqrt(std::max(values_[order[0]], 0.0));
        for (std::int64_t rank = 0; rank < n_; ++rank) {
            const double singular = std::sqrt(std::max(values_[order[rank]], 0.0));
            if (singular <= negligible) break;
            const double kept = rank < free_ ? 1.0 : std::max(singular - threshold, 0.0) / singular;
            if (kept == 0.0) break;
            const double* vector = vectors_.data() + order[rank] * n_;
            for (std::int64_t i = 0; i < n_; ++i)
                for (std::int64_t j = 0; j < n_; ++j)
                    sum[i * n_ + j] += kept * vector[i] * vector[j];
        }
        std::transform(sum.begin(), sum.end(), projection_.begin(),
                       [](double value) { return static_cast<float>(value); });
    }

    // out += the projection of `fibre`; the projection is symmetric.
    void multiply(const float* fibre, float* out) const {
        for (std::int64_t i = 0; i < n_; i += 4) {
            std::array<float, 4> factors{};
            for (std::int64_t k = i; k < std::min(i + 4, n_); ++k)
                factors[k - i] = fibre[k];
            add_four_rows(out, projection_.data() + i * n_, n_, factors.data(), n_);
        }
    }

    Fibres fibres_;
    std::int64_t n_;
    std::int64_t free_;
    std::vector<double> gram_;
    std::vector<double> values_;
    std::vector<double> vectors_;
    std::vector<float> projection_;
    std::vector<float> tile_;
    std::vector<float> result_;
    std::vector<float> scratch_;
};

}  // namespace

double tensor_completion_work(const Dimensions& dimensions, const TensorCompletionSettings& settings) {
    const auto cells = static_cast<double>(dimensions[0] * dimensions[1] * dimensions[2]);
    double work = 0.0;
    for (const std::int64_t n : dimensions) {
        const auto length = static_cast<double>(n);
        work += 1.5 * cells * length + 9.0 * length * length * length;
    }
    return work * settings.most_iterations;
}

void complete_tensor(std::span<float> tensor, const Dimensions& dimensions, const TensorCompletionSettings& settings,
                     const std::atomic<bool>* stop) {
    const std::size_t cells = tensor.size();
    double square = 0.0;
    for (const float value : tensor)
        if (!std::isnan(value)) square += double{value} * value;
    const double norm = std::sqrt(square);
    std::vector<float> filled(tensor.begin(), tensor.end());
    std::replace_if(
        filled.begin(), filled.end(), [](float value) { return std::isnan(value); }, 0.0F);
    std::vector<float> estimate = filled;
    if (norm == 0.0) {
        std::copy(estimate.begin(), estimate.end(), tensor.begin());
        return;
    }

    std::array<SingularValueShrinkage, 3> modes = {SingularValueShrinkage(dimensions, 0, settings.free_share),
                                                   SingularValueShrinkage(dimensions, 1, settings.free_share),
                                                   SingularValueShrinkage(dimensions, 2, settings.free_share)};
    // Scaled multipliers: multiplier / penalty, one tensor a mode.
    std::array<std::vector<float>, 3> multipliers;
    std::array<std::vector<float>, 3> shrunk;
    for (int m = 0; m < 3; ++m) {
        multipliers[m].assign(cells, 0.0F);
        shrunk[m].resize(cells);
    }
    double threshold = settings.first_penalty * norm;
    for (int iteration = 0; iteration < settings.most_iterations; ++iteration) {
        threshold /= settings.growth;
        const auto rescale = static_cast<float>(1.0 / settings.growth);
        for (int m = 0; m < 3; ++m) {
            std::vector<float>& multiplier = multipliers[m];
            for (float& value : multiplier)
                value *= rescale;
            modes[m].run(
                threshold, [&](std::int64_t cell) { return filled[cell] - multiplier[cell]; },
                [&](std::int64_t cell, float value) { shrunk[m][cell] = value; }, stop);
        }
        double change = 0.0;
        for (std::size_t cell = 0; cell < cells; ++cell) {
            const float mean = (shrunk[0][cell] + shrunk[1][cell] + shrunk[2][cell]) / 3.0F;
            if (std::isnan(tensor[cell]))
                filled[cell] = mean + (multipliers[0][cell] + multipliers[1][cell] + multipliers[2][cell]) / 3.0F;
            for (int m = 0; m < 3; ++m)
                multipliers[m][cell] += shrunk[m][cell] - filled[cell];
            change += double{mean - estimate[cell]} * (mean - estimate[cell]);
            estimate[cell] = mean;
        }
        if (iteration > 10 && std::sqrt(change) < settings.tolerance * norm) break;
    }
    std::copy(estimate.begin(), estimate.end(), tensor.begin());
}

}  // namespace tensile
