// See window_writer.h.
#include "models/window_networks/window_writer.h"

#include <algorithm>
#include <cmath>

namespace tensile {

namespace {

// Added to the variance of a window, as in RevIN.
constexpr double kVarianceFloor = 1e-5;

// Subtracts the moving average over `width` steps (odd) from `values` and writes it to `trend`. The window is continued
// by its first and last value.
void decompose(float* trend, float* values, std::int64_t count, std::int64_t width) noexcept {
    const std::int64_t half = width / 2;
    const auto value = [&](std::int64_t i) {
        return static_cast<double>(values[std::clamp<std::int64_t>(i, 0, count - 1)]);
    };
    double sum = 0;
    for (std::int64_t i = -half; i <= half; ++i)
        sum += value(i);
    for (std::int64_t i = 0; i < count; ++i) {
        trend[i] = static_cast<float>(sum / static_cast<double>(width));
        sum += value(i + half + 1) - value(i - half);
    }
    for (std::int64_t i = 0; i < count; ++i)
        values[i] -= trend[i];
}

}  // namespace

WindowWriter::Normalization WindowWriter::normalization(std::int64_t series, std::int64_t origin) const noexcept {
    const NetworkShape& shape = network_.shape();
    switch (shape.normalization) {
    case WindowNormalization::kNone:
        return {};
    case WindowNormalization::kLast:
        return {data_.value(series, origin - 1), 1};
    case WindowNormalization::kInstance:
        break;
    }
    const std::int64_t begin = std::max<std::int64_t>(origin - shape.look_back, 0);
    double sum = 0;
    for (std::int64_t step = begin; step < origin; ++step)
        sum += static_cast<double>(data_.value(series, step));
    const auto count = static_cast<double>(origin - begin);
    const double mean = sum / count;
    double squares = 0;
    for (std::int64_t step = begin; step < origin; ++step) {
        const double difference = static_cast<double>(data_.value(series, step)) - mean;
        squares += difference * difference;
    }
    return {static_cast<float>(mean), static_cast<float>(std::sqrt(squares / count + kVarianceFloor))};
}

void WindowWriter::write(std::int64_t series, std::int64_t origin, std::int64_t target_end,
                         std::span<const TensorView> inputs, std::int64_t row) const noexcept {
    const NetworkShape& shape = network_.shape();
    const WindowGeometry& geometry = network_.geometry();
    const std::int64_t look_back = shape.look_back;
    const auto [level, scale] = normalization(series, origin);
    const auto step_of = [&](std::int64_t i) {
        return std::max<std::int64_t>(origin - look_back + std::min(i, look_back - 1), 0);
    };
    const auto past = [&](std::int64_t i) { return (data_.value(series, step_of(i)) - level) / scale; };
    const auto past_present = [&](std::int64_t i) { return data_.present(series, step_of(i)) ? 1.0F : 0.0F; };
    const auto target_present = [&](std::int64_t step) { return step < target_end && data_.present(series, step); };

    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const SeriesInput& content = network_.contents()[i];
        const std::int64_t width = inputs[i].type.shape.row_width();
        float* out = inputs[i].as<float>() + row * width;
        switch (content.kind) {
        case SeriesInputKind::kPast:
            for (std::int64_t j = 0; j < look_back; ++j)
                out[j] = past(j);
            break;
        case SeriesInputKind::kPastPresent:
            for (std::int64_t j = 0; j < look_back; ++j)
                out[j] = past_present(j);
            break;
        case SeriesInputKind::kDecomposed:
            for (std::int64_t j = 0; j < look_back; ++j)
                out[look_back + j] = past(j);
            decompose(out, out + look_back, look_back, geometry.moving_average);
            break;
        case SeriesInputKind::kPatches:
            for (std::int64_t patch = 0; patch < geometry.patches(look_back); ++patch) {
                const std::int64_t begin = patch * geometry.patch_stride;
                for (std::int64_t j = 0; j < geometry.patch_length; ++j)
                    *out++ = past(begin + j);
                for (std::int64_t j = 0; shape.masked && j < geometry.patch_length; ++j)
                    *out++ = past_present(begin + j);
            }
            break;
        case SeriesInputKind::kLevel:
            *out = level;
            break;
        case SeriesInputKind::kScale:
            *out = scale;
            break;
        case SeriesInputKind::kSeries:
            inputs[i].as<std::int32_t>()[row] = static_cast<std::int32_t>(series);
            break;
        case SeriesInputKind::kCalendar:
            inputs[i].as<std::int32_t>()[row] = data_.calendar_slot(static_cast<std::size_t>(content.index), origin);
            break;
        case SeriesInputKind::kCovariates:
            for (std::int64_t covariate = 0; covariate < shape.covariates; ++covariate)
                for (std::int64_t step = origin; step < origin + shape.horizon; ++step)
                    *out++ = step < data_.steps() ? data_.covariate(static_cast<std::size_t>(covariate), series, step)
                                                  : 0.0F;
            break;
        case SeriesInputKind::kTarget:
            for (std::int64_t j = 0; j < shape.horizon; ++j)
                out[j] = target_present(origin + j) ? data_.value(series, origin + j) : 0.0F;
            break;
        case SeriesInputKind::kTargetPresent:
            for (std::int64_t j = 0; j < shape.horizon; ++j)
                out[j] = target_present(origin + j) ? 1.0F : 0.0F;
            break;
        }
    }
}

// Where a part of the history is shorter than the horizon, windows reach beyond it, with missing targets.
SeriesSamples::SeriesSamples(const SeriesNetwork& network, const WindowData& data, std::int64_t fit_steps,
                             std::int64_t most_validation)
    : data_(data),
      writer_(network, data),
      look_back_(network.shape().look_back),
      horizon_(network.shape().horizon),
      fit_steps_(fit_steps) {
    const auto last_origin = [&](std::int64_t first, std::int64_t end) {
        return end - horizon_ >= first ? end - horizon_ : end - 1;
    };
    add(look_back_, last_origin(look_back_, fit_steps), fit_steps, 1);
    training_count_ = static_cast<std::int64_t>(windows_.size());
    const std::int64_t last = last_origin(fit_steps, data.steps());
    std::int64_t stride = 1;
    if (most_validation > 0) {
        const double windows = static_cast<double>(last - fit_steps + 1) * static_cast<double>(data.series());
        stride = std::max<std::int64_t>(1, std::llround(windows / static_cast<double>(most_validation)));
    }
    if (fit_steps < data.steps()) add(fit_steps, last, data.steps(), stride);
}

void SeriesSamples::add(std::int64_t first, std::int64_t last, std::int64_t target_end, std::int64_t stride) {
    for (std::int64_t series = 0; series < data_.series(); ++series)
        for (std::int64_t origin = first; origin <= last; origin += stride) {
            const std::int64_t begin = std::max<std::int64_t>(origin - look_back_, 0);
            if (origin < 1 || data_.present_count(series, begin, origin) == 0) continue;
            if (data_.present_count(series, origin, std::min(origin + horizon_, target_end)) == 0) continue;
            windows_.push_back({static_cast<std::uint32_t>(series), static_cast<std::uint32_t>(origin)});
        }
}

void SeriesSamples::write(std::int64_t sample, std::span<const TensorView> inputs, std::int64_t row) const noexcept {
    const Window& of = window(sample);
    writer_.write(of.series, of.origin, sample < training_count_ ? fit_steps_ : data_.steps(), inputs, row);
}

}  // namespace tensile
