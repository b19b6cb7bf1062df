// Texts, enums and booleans: categories, each a row of an embedding table. Rows of the table:
//   0               other: values too rare in training to have a row of their own, and values never seen
//   1 ... n         the kept values: those that at least two training rows hold, most frequent first (equally frequent
//                   ones by their bytes), at most `max_categories`
//   n + 1           NULL, if a training row held one; otherwise NULL is other
// A value that a single training row holds tells nothing that could be learned; together such values teach row 0 what a
// new value is like.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/table/column_encoding.h"
#include "models/table/column_store.h"
#include "models/table/text_dictionary.h"

namespace tensile {

class CategoryEncoding final : public ColumnEncoding {
  public:
    // Throws Error 22021 when a kept text is not UTF-8.
    static std::unique_ptr<CategoryEncoding> fit(const ColumnStore& column, std::int64_t max_categories,
                                                 const std::atomic<bool>* stop = nullptr);
    static std::unique_ptr<CategoryEncoding> from_json(const nlohmann::ordered_json& json);

    std::int64_t category_rows() const override {
        return 1 + static_cast<std::int64_t>(values_.size()) + (null_row_ ? 1 : 0);
    }
    void encode_codes(const RawRows& rows, const RawColumn& column, std::int64_t begin, std::int64_t end,
                      std::int32_t* out, std::int64_t stride) const noexcept override;
    nlohmann::ordered_json to_json() const override;

    // Codes of the values of a column store, by their number in its dictionary.
    std::vector<std::int32_t> codes_of(const TextDictionary& dictionary) const;
    std::int32_t code_of(std::string_view value) const noexcept;
    std::int32_t null_code() const noexcept {
        return null_row_ ? static_cast<std::int32_t>(values_.size()) + 1 : kOther;
    }

    static constexpr std::int32_t kOther = 0;

  private:
    TextDictionary values_;  // value of code i + 1
    bool null_row_ = false;
};

// Whether `text` is well-formed UTF-8, so that it can be stored in a manifest.
bool is_utf8(std::string_view text) noexcept;
// Throws Error 22021 unless it is.
void require_utf8(std::string_view text, std::string_view column);

}  // namespace tensile
