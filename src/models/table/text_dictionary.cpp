// Open addressing with linear probing; see text_dictionary.h.
#include "models/table/text_dictionary.h"

#include <functional>
#include <limits>

#include "tensor/error.h"

namespace tensile {

namespace {

std::uint32_t hash_of(std::string_view text) noexcept {
    const std::uint64_t hash = std::hash<std::string_view>{}(text);
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

std::size_t TextDictionary::slot_of(std::string_view wanted, std::uint32_t hash) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash & mask;; slot = (slot + 1) & mask) {
        const std::uint32_t held = slots_[slot];
        if (held == 0 || (entries_[held - 1].hash == hash && text(held - 1) == wanted)) return slot;
    }
}

std::uint32_t TextDictionary::add(std::string_view wanted) {
    if (2 * (entries_.size() + 1) > slots_.size()) grow();
    const std::uint32_t hash = hash_of(wanted);
    const std::size_t slot = slot_of(wanted, hash);
    if (slots_[slot] != 0) return slots_[slot] - 1;
    if (entries_.size() >= std::numeric_limits<std::uint32_t>::max() / 4)
        throw Error(sqlstate::kProgramLimitExceeded, "a column has too many distinct texts",
                    "At most 1073741823 distinct texts can be told apart.");
    const auto id = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({heap_.size(), static_cast<std::uint32_t>(wanted.size()), hash});
    heap_.insert(heap_.end(), wanted.begin(), wanted.end());
    slots_[slot] = id + 1;
    return id;
}

std::optional<std::uint32_t> TextDictionary::find(std::string_view wanted) const noexcept {
    if (slots_.empty()) return std::nullopt;
    const std::uint32_t held = slots_[slot_of(wanted, hash_of(wanted))];
    if (held == 0) return std::nullopt;
    return held - 1;
}

void TextDictionary::grow() {
    slots_.assign(slots_.empty() ? 16 : 2 * slots_.size(), 0);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t id = 0; id < entries_.size(); ++id) {
        std::size_t slot = entries_[id].hash & mask;
        while (slots_[slot] != 0)
            slot = (slot + 1) & mask;
        slots_[slot] = static_cast<std::uint32_t>(id) + 1;
    }
}

std::uint64_t TextDictionary::bytes() const noexcept {
    return entries_.capacity() * sizeof(Entry) + heap_.capacity() + slots_.capacity() * sizeof(std::uint32_t);
}

}  // namespace tensile
