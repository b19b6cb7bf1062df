// A table of results as a column block (protocol/column_block.h): columns are given whole, texts are stored once and
// referred to. Knows no session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "protocol/column_block.h"

namespace tensile {

class ResultBlock {
  public:
    // Throws Error 54000 beyond what a block can hold.
    explicit ResultBlock(std::size_t rows);

    // The same text is stored once.
    protocol::TextReference text(std::string_view text);

    // Each column has a value a row. `nulls`, where not empty, marks NULLs with 1. In numbers, NaN counts as NULL.
    void add_texts(std::vector<protocol::TextReference> values, std::vector<std::uint8_t> nulls = {});
    void add_numbers(std::vector<double> values);
    void add_counts(std::vector<std::int64_t> values);
    void add_steps(std::vector<std::int32_t> values);
    // Microseconds since 2000-01-01.
    void add_times(std::vector<std::int64_t> values, std::vector<std::uint8_t> nulls = {});

    // Lays the block out; no column may be added any more.
    std::size_t finish();
    // Writes the block into `target`, which has as many bytes as finish() said, at 8-byte alignment.
    void write(std::span<std::byte> target) const;

  private:
    struct Column {
        protocol::ElementType type;
        std::variant<std::vector<protocol::TextReference>, std::vector<double>, std::vector<std::int64_t>,
                     std::vector<std::int32_t>>
            values;
        std::vector<std::uint8_t> nulls;  // empty: none
    };
    template <typename T>
    void add(protocol::ElementType type, std::vector<T> values, std::vector<std::uint8_t> nulls);

    std::uint32_t rows_;
    std::vector<Column> columns_;
    std::string heap_;
    std::unordered_map<std::string, protocol::TextReference> known_;
    protocol::BlockLayout layout_;
};

}  // namespace tensile
