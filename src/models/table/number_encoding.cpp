// See number_encoding.h.
#include "models/table/number_encoding.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/table/moments.h"

namespace tensile {

namespace {

constexpr double kWidestRange = 1e4;
constexpr double kHeavyTailRange = 5;
// Values from which the median of a heavy-tailed column is taken, evenly spaced.
constexpr std::int64_t kMedianSample = 100'000;

template <typename T, typename Visit>
void visit_training(const ColumnStore& column, std::span<const std::uint8_t> is_training, const std::atomic<bool>* stop,
                    Visit visit) {
    std::size_t row = 0;
    for_each_chunk(column, stop, [&](std::int64_t index) {
        const RawColumn chunk = column.chunk(index);
        const T* values = chunk.as<T>();
        for (std::int64_t i = 0; i < column.rows_in(index); ++i, ++row)
            if (is_training[row] != 0) visit(static_cast<double>(values[i]));
    });
}

// Calls visit(double) for each training row, NaN for NULL.
template <typename Visit>
void for_each_training(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                       const std::atomic<bool>* stop, Visit visit) {
    if (column.raw_type() == RawType::kF32) {
        visit_training<float>(column, is_training, stop, visit);
    } else {
        visit_training<double>(column, is_training, stop, visit);
    }
}

}  // namespace

std::unique_ptr<NumberEncoding> NumberEncoding::fit(const ColumnStore& column,
                                                    std::span<const std::uint8_t> is_training,
                                                    const std::atomic<bool>* stop) {
    const auto each = [&](auto visit) { for_each_training(column, is_training, stop, visit); };
    std::int64_t rows = 0;
    each([&](double) { ++rows; });
    const Moments moments = moments_of(each);

    auto encoding = std::make_unique<NumberEncoding>();
    encoding->mean_ = moments.mean;
    encoding->inverse_deviation_ = inverse_deviation(moments.deviation);
    encoding->null_indicator_ = moments.count < rows;
    encoding->nulls_ = column.training_nulls();
    encoding->not_finite_ = rows - moments.count - encoding->nulls_;
    if (moments.kurtosis <= kHeavyKurtosis) return encoding;

    std::vector<double> sample;
    const std::int64_t step = std::max<std::int64_t>(1, moments.count / kMedianSample);
    std::int64_t position = 0;
    each([&](double value) {
        if (std::isfinite(value) && position++ % step == 0) sample.push_back(value);
    });
    const auto middle = sample.begin() + static_cast<std::ptrdiff_t>(sample.size() / 2);
    std::ranges::nth_element(sample, middle);
    encoding->median_ = *middle;
    double spread = 0;
    each([&](double value) {
        if (std::isfinite(value)) spread += std::abs(value - encoding->median_) / static_cast<double>(moments.count);
    });
    encoding->inverse_spread_ = inverse_deviation(spread);
    const Moments logarithms = moments_of([&](auto visit) {
        each([&](double value) { visit(std::isfinite(value) ? encoding->logarithm(value) : NAN); });
    });
    encoding->heavy_tailed_ = encoding->inverse_spread_ > 0 && logarithms.deviation > 0;
    encoding->log_mean_ = logarithms.mean;
    encoding->log_inverse_deviation_ = inverse_deviation(logarithms.deviation);
    return encoding;
}

double NumberEncoding::logarithm(double value) const noexcept {
    const double distance = value - median_;
    return std::copysign(std::log1p(std::abs(distance) * inverse_spread_), distance);
}

template <typename T>
void NumberEncoding::encode(const T* values, const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                            std::int64_t stride) const noexcept {
    const double range = heavy_tailed_ ? kHeavyTailRange : kWidestRange;
    for (std::int64_t row = begin; row < end; ++row, out += stride) {
        const auto value = static_cast<double>(values[row]);
        const bool missing = column.is_null(row) || !std::isfinite(value);
        const double z = std::clamp((value - mean_) * inverse_deviation_, -range, range);
        out[0] = missing ? 0.0F : static_cast<float>(z);
        int channel = 1;
        if (heavy_tailed_) {
            const double l = (logarithm(value) - log_mean_) * log_inverse_deviation_;
            out[channel++] = missing ? 0.0F : static_cast<float>(std::clamp(l, -kWidestRange, kWidestRange));
        }
        if (null_indicator_) out[channel] = missing ? 1.0F : 0.0F;
    }
}

void NumberEncoding::encode_numbers(const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                                    std::int64_t stride) const noexcept {
    switch (column.type) {
    case RawType::kF32:
        return encode(column.as<float>(), column, begin, end, out, stride);
    case RawType::kF64:
        return encode(column.as<double>(), column, begin, end, out, stride);
    case RawType::kI32:
        return encode(column.as<std::int32_t>(), column, begin, end, out, stride);
    case RawType::kI64:
        return encode(column.as<std::int64_t>(), column, begin, end, out, stride);
    default:
        return;
    }
}

nlohmann::ordered_json NumberEncoding::to_json() const {
    nlohmann::ordered_json json = {{"kind", "number"}, {"mean", mean_}, {"inverse_deviation", inverse_deviation_}};
    if (heavy_tailed_) {
        json["logarithm"] = {{"median", median_},
                             {"inverse_spread", inverse_spread_},
                             {"mean", log_mean_},
                             {"inverse_deviation", log_inverse_deviation_}};
    }
    json["null_indicator"] = null_indicator_;
    json["training_nulls"] = nulls_;
    json["training_not_finite"] = not_finite_;
    return json;
}

std::unique_ptr<NumberEncoding> NumberEncoding::from_json(const nlohmann::ordered_json& json) {
    auto encoding = std::make_unique<NumberEncoding>();
    encoding->mean_ = json.at("mean").get<double>();
    encoding->inverse_deviation_ = json.at("inverse_deviation").get<double>();
    if (const auto found = json.find("logarithm"); found != json.end()) {
        encoding->heavy_tailed_ = true;
        encoding->median_ = found->at("median").get<double>();
        encoding->inverse_spread_ = found->at("inverse_spread").get<double>();
        encoding->log_mean_ = found->at("mean").get<double>();
        encoding->log_inverse_deviation_ = found->at("inverse_deviation").get<double>();
    }
    encoding->null_indicator_ = json.at("null_indicator").get<bool>();
    encoding->nulls_ = json.at("training_nulls").get<std::int64_t>();
    encoding->not_finite_ = json.at("training_not_finite").get<std::int64_t>();
    return encoding;
}

}  // namespace tensile
