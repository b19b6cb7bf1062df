// How long a request waits for memory, as messages say it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace tensile {

// Negative: for ever. Zero: not at all.
inline std::optional<std::chrono::milliseconds> queue_timeout(std::int32_t milliseconds) {
    if (milliseconds < 0) return std::nullopt;
    return std::chrono::milliseconds(milliseconds);
}

}  // namespace tensile
