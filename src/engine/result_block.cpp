// See result_block.h.
#include "engine/result_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

using protocol::ElementType;
using protocol::TextReference;

constexpr std::size_t kMostRows = std::numeric_limits<std::int32_t>::max();

}  // namespace

ResultBlock::ResultBlock(std::size_t rows) : rows_(static_cast<std::uint32_t>(rows)) {
    if (rows > kMostRows)
        throw Error(sqlstate::kProgramLimitExceeded, "result has too many rows",
                    "It would have " + std::to_string(rows) + " rows; the limit is " + std::to_string(kMostRows) + ".");
}

TextReference ResultBlock::text(std::string_view text) {
    const auto [known, is_new] = known_.try_emplace(std::string(text));
    if (!is_new) return known->second;
    if (heap_.size() + text.size() > std::numeric_limits<std::uint32_t>::max())
        throw Error(sqlstate::kProgramLimitExceeded, "texts of the result are too long");
    known->second = {static_cast<std::uint32_t>(heap_.size()), static_cast<std::uint32_t>(text.size())};
    heap_ += text;
    return known->second;
}

template <typename T>
void ResultBlock::add(ElementType type, std::vector<T> values, std::vector<std::uint8_t> nulls) {
    if (values.size() != rows_ || (!nulls.empty() && nulls.size() != rows_))
        throw InternalError("column of a result has another number of rows");
    columns_.push_back({type, std::move(values), std::move(nulls)});
}

void ResultBlock::add_texts(std::vector<TextReference> values, std::vector<std::uint8_t> nulls) {
    add(ElementType::kText, std::move(values), std::move(nulls));
}

void ResultBlock::add_numbers(std::vector<double> values) {
    std::vector<std::uint8_t> nulls;
    if (std::ranges::any_of(values, [](double value) { return std::isnan(value); })) {
        nulls.resize(values.size());
        std::ranges::transform(values, nulls.begin(), [](double value) { return std::isnan(value) ? 1 : 0; });
    }
    add(ElementType::kF64, std::move(values), std::move(nulls));
}

void ResultBlock::add_counts(std::vector<std::int64_t> values) {
    add(ElementType::kI64, std::move(values), {});
}

void ResultBlock::add_steps(std::vector<std::int32_t> values) {
    add(ElementType::kI32, std::move(values), {});
}

void ResultBlock::add_times(std::vector<std::int64_t> values, std::vector<std::uint8_t> nulls) {
    add(ElementType::kTimestamp, std::move(values), std::move(nulls));
}

std::size_t ResultBlock::finish() {
    std::vector<protocol::ColumnSpec> specs;
    for (const Column& column : columns_)
        specs.push_back({column.type});
    layout_ = protocol::lay_out(specs, rows_);
    return layout_.heap_offset + heap_.size();
}

void ResultBlock::write(std::span<std::byte> target) const {
    protocol::start_block(target, layout_, rows_);
    auto* header = reinterpret_cast<protocol::BlockHeader*>(target.data());
    header->row_count = rows_;
    header->heap_bytes = heap_.size();
    auto* written = reinterpret_cast<protocol::ColumnHeader*>(target.data() + sizeof(protocol::BlockHeader));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const protocol::ColumnHeader& place = layout_.columns[i];
        std::visit(
            [&](const auto& values) {
                if (!values.empty())
                    std::memcpy(target.data() + place.values_offset, values.data(), values.size() * sizeof(values[0]));
            },
            columns_[i].values);
        written[i].has_nulls = columns_[i].nulls.empty() ? 0 : 1;
        if (!columns_[i].nulls.empty())
            std::memcpy(target.data() + place.nulls_offset, columns_[i].nulls.data(), rows_);
    }
    if (!heap_.empty()) std::memcpy(target.data() + layout_.heap_offset, heap_.data(), heap_.size());
}

}  // namespace tensile
