// A table in memory for tests of models: columns are added by vectors and seen as RawRows.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "models/table/raw_rows.h"

namespace tensile::testing {

class SampleTable {
  public:
    using Nulls = std::vector<std::uint8_t>;

    SampleTable() = default;
    SampleTable(SampleTable&&) = default;  // a copy would point into the original

    void add(std::string name, std::vector<float> values, Nulls nulls = {}, std::uint32_t width = 1) {
        const auto type = width > 1 ? RawType::kBlockF32 : RawType::kF32;
        const auto meaning = width > 1 ? ColumnMeaning::kBlock : ColumnMeaning::kNumber;
        const auto rows = static_cast<std::int64_t>(values.size() / width);
        push({std::move(name), width > 1 ? "real[]" : "real", meaning}, type, keep(floats_, std::move(values)), rows,
             std::move(nulls), width);
    }
    void add(std::string name, std::vector<double> values, Nulls nulls = {}) {
        const auto rows = static_cast<std::int64_t>(values.size());
        push({std::move(name), "double precision", ColumnMeaning::kNumber}, RawType::kF64,
             keep(doubles_, std::move(values)), rows, std::move(nulls));
    }
    void add(std::string name, std::vector<std::int32_t> values, Nulls nulls = {}) {
        const auto rows = static_cast<std::int64_t>(values.size());
        push({std::move(name), "integer", ColumnMeaning::kNumber}, RawType::kI32, keep(integers_, std::move(values)),
             rows, std::move(nulls));
    }
    void add_bool(std::string name, std::vector<std::uint8_t> values, Nulls nulls = {}) {
        const auto rows = static_cast<std::int64_t>(values.size());
        push({std::move(name), "boolean", ColumnMeaning::kBoolean}, RawType::kBool, keep(bytes_, std::move(values)),
             rows, std::move(nulls));
    }
    void add_time(std::string name, std::vector<std::int64_t> microseconds, Nulls nulls = {}) {
        const auto rows = static_cast<std::int64_t>(microseconds.size());
        push({std::move(name), "timestamp with time zone", ColumnMeaning::kTimestamp}, RawType::kTimestamp,
             keep(longs_, std::move(microseconds)), rows, std::move(nulls));
    }
    void add_text(std::string name, const std::vector<std::string>& values, Nulls nulls = {}) {
        std::vector<TextSlice> slices;
        for (const std::string& value : values) {
            slices.push_back({static_cast<std::uint32_t>(heap_.size()), static_cast<std::uint32_t>(value.size())});
            heap_ += value;
        }
        const auto rows = static_cast<std::int64_t>(slices.size());
        push({std::move(name), "text", ColumnMeaning::kText}, RawType::kText, keep(slices_, std::move(slices)), rows,
             std::move(nulls));
    }

    const std::vector<ColumnDescription>& descriptions() const { return descriptions_; }
    // Valid until the table changes.
    RawRows rows() const { return {count_, columns_, heap_.data()}; }
    std::int64_t count() const { return count_; }

  private:
    template <typename T>
    const void* keep(std::deque<std::vector<T>>& where, std::vector<T> values) {
        return where.emplace_back(std::move(values)).data();
    }
    void push(ColumnDescription description, RawType type, const void* values, std::int64_t rows, Nulls nulls,
              std::uint32_t width = 1) {
        descriptions_.push_back(std::move(description));
        const std::uint8_t* null_flags =
            nulls.empty() ? nullptr : static_cast<const std::uint8_t*>(keep(bytes_, std::move(nulls)));
        columns_.push_back({type, values, null_flags, width});
        count_ = rows;
    }

    std::vector<ColumnDescription> descriptions_;
    std::vector<RawColumn> columns_;
    std::string heap_;
    std::int64_t count_ = 0;
    std::deque<std::vector<float>> floats_;
    std::deque<std::vector<double>> doubles_;
    std::deque<std::vector<std::int32_t>> integers_;
    std::deque<std::vector<std::int64_t>> longs_;
    std::deque<std::vector<std::uint8_t>> bytes_;
    std::deque<std::vector<TextSlice>> slices_;
};

}  // namespace tensile::testing
