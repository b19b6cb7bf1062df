// The keys of one column of a query (text, enums, booleans, integers) as numbers of a dictionary. Knows no series.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/table/raw_rows.h"
#include "models/table/text_dictionary.h"

namespace tensile {

class KeyColumn {
  public:
    // `subject` is how messages call the column: "key column \"station\"".
    KeyColumn(std::string name, std::string subject) : name_(std::move(name)), subject_(std::move(subject)) {}

    // The ids of all rows' keys; valid until the next call. Throws Error 22004 for a NULL and 42804 for numbers that
    // are not integers.
    const std::vector<std::uint32_t>& add(const RawRows& rows, const RawColumn& column);

    const std::string& name() const { return name_; }
    const TextDictionary& dictionary() const { return dictionary_; }
    std::uint64_t bytes() const { return dictionary_.bytes() + ids_.capacity() * sizeof(std::uint32_t); }

  private:
    template <typename Integer>
    void add_integers(const RawRows& rows, const RawColumn& column);
    void add_texts(const RawRows& rows, const RawColumn& column);
    void add_booleans(const RawRows& rows, const RawColumn& column);

    std::string name_;
    std::string subject_;
    TextDictionary dictionary_;
    std::vector<std::uint32_t> ids_;
};

}  // namespace tensile
