// See weight_layout.h.
#include "models/weight_layout.h"

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::uint64_t kAlignment = 64;

}  // namespace

WeightLayout lay_out_weights(std::span<const Variable> variables) {
    WeightLayout layout;
    for (const Variable& variable : variables) {
        if (!variable.is_weight) continue;
        layout.offsets.push_back(layout.bytes);
        layout.bytes += (variable.type.bytes() + kAlignment - 1) / kAlignment * kAlignment;
    }
    return layout;
}

nlohmann::ordered_json weights_to_json(std::span<const Variable> variables) {
    const WeightLayout layout = lay_out_weights(variables);
    auto json = nlohmann::ordered_json::array();
    for (const Variable& variable : variables) {
        if (!variable.is_weight) continue;
        auto shape = nlohmann::ordered_json::array();
        for (int axis = 0; axis < variable.type.shape.rank(); ++axis)
            shape.push_back(variable.type.shape[axis]);
        json.push_back({{"name", variable.name},
                        {"type", name_of(variable.type.dtype)},
                        {"shape", std::move(shape)},
                        {"offset", layout.offsets[json.size()]}});
    }
    return json;
}

void require_same_weights(std::span<const Variable> variables, const nlohmann::ordered_json& json) {
    if (weights_to_json(variables) == json) return;
    throw Error(sqlstate::kDataCorrupted, "layout of the model's weights does not match its description");
}

}  // namespace tensile
