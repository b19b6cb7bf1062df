// Attributes and checks of windows; see window.h.
#include "graph/ops/window.h"

#include <string>

namespace tensile::ops {

Attributes to_attributes(const Window& window) {
    return {{"height", window.height},
            {"width", window.width},
            {"kernel_height", window.kernel_height},
            {"kernel_width", window.kernel_width},
            {"stride", window.stride},
            {"padding_height", window.padding_height},
            {"padding_width", window.padding_width}};
}

Window window_of(const Attributes& attributes) {
    return {attributes.integer("height"),       attributes.integer("width"),  attributes.integer("kernel_height"),
            attributes.integer("kernel_width"), attributes.integer("stride"), attributes.integer("padding_height"),
            attributes.integer("padding_width")};
}

void check_window(const InputCheck& check, const Window& window) {
    check.require(window.height > 0 && window.width > 0, "maps must not be empty");
    check.require(window.kernel_height > 0 && window.kernel_width > 0 && window.stride > 0,
                  "kernel and stride must be positive");
    check.require(window.padding_height >= 0 && window.padding_width >= 0, "padding must not be negative");
    check.require(window.kernel_height <= window.height + 2 * window.padding_height &&
                      window.kernel_width <= window.width + 2 * window.padding_width,
                  "the kernel must fit into the padded map");
}

void check_pooling_window(const InputCheck& check, const Window& window) {
    check_window(check, window);
    check.require(window.padding_height < window.kernel_height && window.padding_width < window.kernel_width,
                  "padding must be less than the kernel");
}

void check_maps(const InputCheck& check, std::span<const TensorType> inputs, std::size_t input, const MapSize& map) {
    check.floating(input);
    check.rank(input, 2);
    check.fixed(input);
    check.require(inputs[input].shape[0] > 0 && inputs[input].shape[0] % map.pixels() == 0,
                  "input " + std::to_string(input) + " must have whole maps of " + std::to_string(map.height) + " x " +
                      std::to_string(map.width) + " pixels");
    check.require(inputs[input].shape[1] > 0, "input " + std::to_string(input) + " must have channels");
}

TensorType pooled_type(const InputCheck& check, std::span<const TensorType> inputs, const Window& window) {
    check_pooling_window(check, window);
    check_maps(check, inputs, 0, window.input());
    const std::int64_t images = window.images_of_input(inputs[0].shape[0]);
    return {inputs[0].dtype, {images * window.output().pixels(), inputs[0].shape[1]}};
}

}  // namespace tensile::ops
