// How a model's weights lie in the bytes that are stored: in declaration order, each at a multiple of 64 bytes, zeros
// between. Training and prediction compute it from the same list of variables, and the manifest records it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "graph/job.h"

namespace tensile {

struct WeightLayout {
    std::vector<std::uint64_t> offsets;
    std::uint64_t bytes = 0;
};

// Of the variables that are weights.
WeightLayout lay_out_weights(std::span<const Variable> variables);

// [{"name", "type", "shape", "offset"}, ...]
nlohmann::ordered_json weights_to_json(std::span<const Variable> variables);
// Throws Error XX001 unless `json` is what weights_to_json would give.
void require_same_weights(std::span<const Variable> variables, const nlohmann::ordered_json& json);

}  // namespace tensile
