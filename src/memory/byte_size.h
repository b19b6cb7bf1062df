// Sizes in the units of PostgreSQL's settings, for messages to people.
#pragma once

#include <cstdint>
#include <string>

namespace tensile {

// "512 bytes", "64 kB", "1.5 MB", "16 GB": the largest unit that gives at least 1, with one decimal where it is not
// whole.
std::string format_bytes(std::uint64_t bytes);

// The value of a setting that is at least `bytes`: "1234MB".
std::string setting_of_bytes(std::uint64_t bytes);

}  // namespace tensile
