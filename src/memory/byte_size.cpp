// Sizes as text; see byte_size.h.
#include "memory/byte_size.h"

#include <array>

namespace tensile {

std::string format_bytes(std::uint64_t bytes) {
    static constexpr std::array<const char*, 5> kUnits = {"bytes", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    std::uint64_t divisor = 1;
    while (unit + 1 < kUnits.size() && bytes / divisor >= 1024) {
        divisor *= 1024;
        ++unit;
    }
    std::uint64_t whole = bytes / divisor;
    // Tenths, to the nearest.
    std::uint64_t tenths = unit == 0 ? 0 : (bytes % divisor * 10 + divisor / 2) / divisor;
    if (tenths == 10) {
        ++whole;
        tenths = 0;
    }
    std::string text = std::to_string(whole);
    if (tenths != 0) text += "." + std::to_string(tenths);
    return text + " " + kUnits[unit];
}

std::string setting_of_bytes(std::uint64_t bytes) {
    constexpr std::uint64_t kMegabyte = 1024 * 1024;
    return std::to_string((bytes + kMegabyte - 1) / kMegabyte) + "MB";
}

}  // namespace tensile
