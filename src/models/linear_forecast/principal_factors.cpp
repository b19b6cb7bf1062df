// See principal_factors.h.
#include "models/linear_forecast/principal_factors.h"

#include <algorithm>
#include <cmath>

#include "models/forecast/dense_product.h"
#include "models/stop.h"
#include "tensor/random.h"

namespace tensile {

namespace {

constexpr int kIterations = 24;

std::vector<double> transposed(std::span<const double> matrix, std::size_t rows, std::size_t columns) {
    std::vector<double> result(matrix.size());
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j)
            result[j * rows + i] = matrix[i * columns + j];
    return result;
}

// Modified Gram-Schmidt over the columns of [rows, columns]. A column without anything of its own becomes zero.
void orthonormalize(std::vector<double>& matrix, std::size_t rows, std::size_t columns) {
    for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t i = 0; i < j; ++i) {
            double product = 0;
            for (std::size_t r = 0; r < rows; ++r)
                product += matrix[r * columns + i] * matrix[r * columns + j];
            for (std::size_t r = 0; r < rows; ++r)
                matrix[r * columns + j] -= product * matrix[r * columns + i];
        }
        double square = 0;
        for (std::size_t r = 0; r < rows; ++r)
            square += matrix[r * columns + j] * matrix[r * columns + j];
        const double factor = square > 1e-30 ? 1 / std::sqrt(square) : 0;
        for (std::size_t r = 0; r < rows; ++r)
            matrix[r * columns + j] *= factor;
    }
}

}  // namespace

std::vector<double> principal_directions(std::span<const double> rows, std::size_t series, std::size_t count,
                                         const std::atomic<bool>* stop) {
    const std::size_t steps = series == 0 ? 0 : rows.size() / series;
    const std::vector<double> columns = transposed(rows, steps, series);
    std::vector<double> directions(series * count);
    for (std::size_t i = 0; i < directions.size(); ++i)
        directions[i] = random_normal(0, 0, i);
    orthonormalize(directions, series, count);
    std::vector<double> scores(steps * count);
    for (int iteration = 0; iteration < kIterations; ++iteration) {
        throw_if_stopped(stop);
        std::ranges::fill(scores, 0);
        add_product({scores.data(), count}, {rows.data(), series}, {directions.data(), count}, steps, count, series);
        // Scaled, so that strong series do not overflow and weak ones do not vanish.
        double greatest = 0;
        for (const double score : scores)
            greatest = std::max(greatest, std::abs(score));
        if (!(greatest > 0)) break;
        for (double& score : scores)
            score /= greatest;
        std::ranges::fill(directions, 0);
        add_product({directions.data(), count}, {columns.data(), steps}, {scores.data(), count}, series, count, steps);
        orthonormalize(directions, series, count);
    }
    return directions;
}

}  // namespace tensile
