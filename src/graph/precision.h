// What matrix products and convolutions of a program compute with; a choice of whoever has the program run, not part of
// it.
#pragma once

#include <cstdint>

namespace tensile {

// Sums, everything else and all that is stored are float32.
enum class Precision : std::uint8_t {
    kFloat32,
    kBFloat16,  // operands are rounded to bf16 first
};

}  // namespace tensile
