// Deterministic content for the inputs and variables of the layered network.
#pragma once

#include <cmath>
#include <string>

#include "graph/program.h"
#include "tensor/random.h"

namespace tensile::test {

// Fills one input or variable by its name; rows at or beyond `extent` of bounded tensors become zero.
template <typename View>
void fill_network_tensor(const std::string& name, const View& view, std::int64_t extent) {
    const Shape& shape = view.type.shape;
    if (name == "rng") {
        view.template as<std::int64_t>()[0] = 7;
        view.template as<std::int64_t>()[1] = 3;
        return;
    }
    float* values = view.template as<float>();
    if (name == "step") {
        const float step[] = {0.01F, 0.9F, 0.999F, 1e-8F, 0.001F, 0.1F, 0.001F};
        std::copy(std::begin(step), std::end(step), values);
        return;
    }
    const auto ends_with = [&](std::string_view suffix) { return name.ends_with(suffix); };
    const std::int64_t present = shape.is_bounded() ? extent * shape.row_width() : shape.elements();
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
        const double uniform = random_uniform(std::hash<std::string>()(name), 1, static_cast<std::uint64_t>(i));
        double value = 2 * uniform - 1;
        if (name == "one" || name == "max_norm" || ends_with("/gamma") || ends_with("/scale")) value = 1;
        if (ends_with("/weight")) value *= std::sqrt(3.0 / static_cast<double>(shape.rows()));
        if (ends_with("/first") || ends_with("/second")) value = 0;
        if (name.starts_with("target_")) value = uniform < 0.4 ? 1 : 0;
        if (name.starts_with("weight_")) value = uniform < 0.9 ? 1 : 0;
        values[i] = i < present ? static_cast<float>(value) : 0.0F;
    }
}

}  // namespace tensile::test
