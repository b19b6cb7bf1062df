// See block_encoding.h.
#include "models/table/block_encoding.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "models/table/moments.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr double kRange = 1e4;

}  // namespace

std::unique_ptr<BlockEncoding> BlockEncoding::fit(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                                  const std::atomic<bool>* stop) {
    auto encoding = std::make_unique<BlockEncoding>();
    const auto width = static_cast<std::int64_t>(column.width());
    for (std::int64_t element = 0; element < width; ++element) {
        const Moments moments = moments_of([&](auto visit) {
            std::size_t row = 0;
            for_each_chunk(column, stop, [&](std::int64_t index) {
                const RawColumn chunk = column.chunk(index);
                for (std::int64_t i = 0; i < column.rows_in(index); ++i, ++row)
                    if (is_training[row] != 0) visit(static_cast<double>(chunk.as<float>()[i * width + element]));
            });
        });
        encoding->means_.push_back(moments.mean);
        encoding->inverse_deviations_.push_back(inverse_deviation(moments.deviation));
    }
    encoding->null_indicator_ = column.training_nulls() > 0;
    return encoding;
}

void BlockEncoding::encode_numbers(const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                                   std::int64_t stride) const noexcept {
    const std::size_t elements = means_.size();
    const bool fits = column.width == elements;
    for (std::int64_t row = begin; row < end; ++row, out += stride) {
        const float* values = column.as<float>() + row * static_cast<std::int64_t>(column.width);
        const bool missing = column.is_null(row) || !fits ||
                             std::all_of(values, values + elements, [](float value) { return std::isnan(value); });
        for (std::size_t i = 0; i < elements; ++i) {
            const double value = missing ? NAN : static_cast<double>(values[i]);
            const double z = std::clamp((value - means_[i]) * inverse_deviations_[i], -kRange, kRange);
            out[i] = std::isfinite(value) ? static_cast<float>(z) : 0.0F;
        }
        if (null_indicator_) out[elements] = missing ? 1.0F : 0.0F;
    }
}

nlohmann::ordered_json BlockEncoding::to_json() const {
    return {{"kind", "block"},
            {"means", means_},
            {"inverse_deviations", inverse_deviations_},
            {"null_indicator", null_indicator_}};
}

std::unique_ptr<BlockEncoding> BlockEncoding::from_json(const nlohmann::ordered_json& json) {
    auto encoding = std::make_unique<BlockEncoding>();
    encoding->means_ = json.at("means").get<std::vector<double>>();
    encoding->inverse_deviations_ = json.at("inverse_deviations").get<std::vector<double>>();
    encoding->null_indicator_ = json.at("null_indicator").get<bool>();
    if (encoding->means_.size() != encoding->inverse_deviations_.size())
        throw Error(sqlstate::kDataCorrupted, "model describes a block column inconsistently");
    return encoding;
}

}  // namespace tensile
