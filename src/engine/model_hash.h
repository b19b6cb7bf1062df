// The identity of a model version: SHA-256 over its manifest bytes followed by its weight bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/program_cache.h"

namespace tensile {

ModelKey hash_model(std::span<const std::byte> manifest, std::span<const std::byte> weights);
// The first characters of the key in hexadecimal, to name a model in views and logs.
std::string short_name(const ModelKey& key);

}  // namespace tensile
