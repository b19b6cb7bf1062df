// See category_encoding.h.
#include "models/table/category_encoding.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::int64_t kLeastCount = 2;
constexpr std::string_view kCharacterNotInRepertoire = "22021";

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char lead = byte(i);
        std::size_t length = 1;
        if (lead >= 0x80) {
            if (lead < 0xC2 || lead > 0xF4) return false;
            length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
            if (i + length > text.size()) return false;
            for (std::size_t k = 1; k < length; ++k)
                if ((byte(i + k) & 0xC0) != 0x80) return false;
            const unsigned char second = byte(i + 1);
            const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
            const bool surrogate = lead == 0xED && second > 0x9F;
            const bool beyond = lead == 0xF4 && second > 0x8F;
            if (overlong || surrogate || beyond) return false;
        }
        i += length;
    }
    return true;
}

void require_utf8(std::string_view text, std::string_view column) {
    if (is_utf8(text)) return;
    throw Error(kCharacterNotInRepertoire, "column \"" + std::string(column) + "\" holds text that is not valid UTF-8",
                "The values of a category are stored with the model, as UTF-8.",
                "Use a database with encoding UTF8, or leave the column out.");
}

std::unique_ptr<CategoryEncoding> CategoryEncoding::fit(const ColumnStore& column, std::int64_t max_categories,
                                                        const std::atomic<bool>* stop) {
    const TextDictionary& dictionary = column.dictionary();
    const std::vector<std::int64_t>& counts = column.training_counts();
    std::vector<std::uint32_t> ids(dictionary.size());
    std::iota(ids.begin(), ids.end(), 0U);
    std::erase_if(ids, [&](std::uint32_t id) { return counts[id] < kLeastCount; });
    const auto kept = std::min(static_cast<std::size_t>(max_categories), ids.size());
    StopPoint comparisons(stop);
    const auto before = [&](std::uint32_t left, std::uint32_t right) {
        comparisons.count();
        if (counts[left] != counts[right]) return counts[left] > counts[right];
        return dictionary.text(left) < dictionary.text(right);
    };
    std::ranges::partial_sort(ids, ids.begin() + static_cast<std::ptrdiff_t>(kept), before);
    ids.resize(kept);

    auto encoding = std::make_unique<CategoryEncoding>();
    for (std::uint32_t id : ids) {
        require_utf8(dictionary.text(id), column.description().name);
        encoding->values_.add(dictionary.text(id));
    }
    encoding->null_row_ = column.training_nulls() > 0;
    return encoding;
}

std::int32_t CategoryEncoding::code_of(std::string_view value) const noexcept {
    const auto found = values_.find(value);
    return found ? static_cast<std::int32_t>(*found) + 1 : kOther;
}

std::vector<std::int32_t> CategoryEncoding::codes_of(const TextDictionary& dictionary) const {
    std::vector<std::int32_t> codes(dictionary.size());
    for (std::size_t id = 0; id < codes.size(); ++id)
        codes[id] = code_of(dictionary.text(static_cast<std::uint32_t>(id)));
    return codes;
}

void CategoryEncoding::encode_codes(const RawRows& rows, const RawColumn& column, std::int64_t begin, std::int64_t end,
                                    std::int32_t* out, std::int64_t stride) const noexcept {
    if (column.type == RawType::kBool) {
        const std::int32_t codes[2] = {code_of("false"), code_of("true")};
        for (std::int64_t row = begin; row < end; ++row, out += stride)
            *out = column.is_null(row) ? null_code() : codes[column.as<std::uint8_t>()[row] != 0 ? 1 : 0];
        return;
    }
    for (std::int64_t row = begin; row < end; ++row, out += stride)
        *out = column.is_null(row) ? null_code() : code_of(rows.text(column, row));
}

nlohmann::ordered_json CategoryEncoding::to_json() const {
    auto values = nlohmann::ordered_json::array();
    for (std::uint32_t id = 0; id < values_.size(); ++id)
        values.push_back(values_.text(id));
    return {{"kind", "category"}, {"values", std::move(values)}, {"null_row", null_row_}};
}

std::unique_ptr<CategoryEncoding> CategoryEncoding::from_json(const nlohmann::ordered_json& json) {
    auto encoding = std::make_unique<CategoryEncoding>();
    for (const auto& value : json.at("values")) {
        const auto& text = value.get_ref<const std::string&>();
        if (encoding->values_.find(text)) throw Error(sqlstate::kDataCorrupted, "model names a category twice");
        encoding->values_.add(text);
    }
    encoding->null_row_ = json.at("null_row").get<bool>();
    return encoding;
}

}  // namespace tensile
