// See key_column.h.
#include "models/series/key_column.h"

#include <charconv>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kNullValueNotAllowed = "22004";

}  // namespace

template <typename Integer>
void KeyColumn::add_integers(const RawRows& rows, const RawColumn& column) {
    const Integer* values = column.as<Integer>();
    char digits[24];
    for (std::int64_t row = 0; row < rows.count; ++row) {
        const auto i = static_cast<std::size_t>(row);
        // Rows often come series by series.
        if (row > 0 && values[row] == values[row - 1]) {
            ids_[i] = ids_[i - 1];
            continue;
        }
        const auto end = std::to_chars(digits, digits + sizeof digits, values[row]).ptr;
        ids_[i] = dictionary_.add({digits, static_cast<std::size_t>(end - digits)});
    }
}

void KeyColumn::add_texts(const RawRows& rows, const RawColumn& column) {
    std::string_view last;
    for (std::int64_t row = 0; row < rows.count; ++row) {
        const auto i = static_cast<std::size_t>(row);
        const std::string_view text = rows.text(column, row);
        ids_[i] = row > 0 && text == last ? ids_[i - 1] : dictionary_.add(text);
        last = text;
    }
}

void KeyColumn::add_booleans(const RawRows& rows, const RawColumn& column) {
    for (std::int64_t row = 0; row < rows.count; ++row)
        ids_[static_cast<std::size_t>(row)] =
            dictionary_.add(column.as<std::uint8_t>()[row] != 0 ? std::string_view("true") : "false");
}

const std::vector<std::uint32_t>& KeyColumn::add(const RawRows& rows, const RawColumn& column) {
    if (column.nulls != nullptr)
        for (std::int64_t row = 0; row < rows.count; ++row)
            if (column.nulls[row] != 0)
                throw Error(kNullValueNotAllowed, subject_ + " is NULL in a row",
                            "Each row must tell which key it is about.",
                            "Leave such rows out, or give them a key with coalesce().");
    ids_.resize(static_cast<std::size_t>(rows.count));
    switch (column.type) {
    case RawType::kText:
        add_texts(rows, column);
        break;
    case RawType::kI32:
        add_integers<std::int32_t>(rows, column);
        break;
    case RawType::kI64:
        add_integers<std::int64_t>(rows, column);
        break;
    case RawType::kBool:
        add_booleans(rows, column);
        break;
    default:
        throw Error(sqlstate::kDatatypeMismatch, subject_ + " does not hold keys",
                    "Keys of series are text, enums, booleans or integers.", "Cast it to integer or to text.");
    }
    return ids_;
}

}  // namespace tensile
