// Distinct texts of one column, numbered in order of arrival. Looking up a text allocates nothing. Knows no meaning of
// the texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tensile {

class TextDictionary {
  public:
    // The number of `text`, which is added when it is new.
    std::uint32_t add(std::string_view text);
    std::optional<std::uint32_t> find(std::string_view text) const noexcept;
    std::string_view text(std::uint32_t id) const noexcept {
        return {heap_.data() + entries_[id].offset, entries_[id].length};
    }
    std::size_t size() const noexcept { return entries_.size(); }
    std::uint64_t bytes() const noexcept;

  private:
    struct Entry {
        std::uint64_t offset;
        std::uint32_t length;
        std::uint32_t hash;
    };
    // The slot that holds `text`, or the empty one where it belongs.
    std::size_t slot_of(std::string_view text, std::uint32_t hash) const noexcept;
    void grow();

    std::vector<Entry> entries_;
    std::vector<char> heap_;
    std::vector<std::uint32_t> slots_;  // id + 1, 0: empty; a power of two of them
};

}  // namespace tensile
