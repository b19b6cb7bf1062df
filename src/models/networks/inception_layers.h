// What the Inception networks build their modules of: normalized convolutions with square kernels, with rows and with
// columns, at the network's width. Knows no module.
#pragma once

#include "models/networks/image_layers.h"

namespace tensile {

class InceptionLayers {
  public:
    explicit InceptionLayers(ImageLayers& layers) : layers_(layers) {}

    FeatureMaps square(const FeatureMaps& x, std::int64_t kernels, std::int64_t kernel, std::int64_t stride = 1,
                       std::int64_t padding = 0) {
        return layers_.normalized_convolution(x, square_convolution(layers_.scaled(kernels), kernel, stride, padding));
    }
    // Rows of 1 x length and columns of length x 1 keep the size of the maps.
    FeatureMaps row(const FeatureMaps& x, std::int64_t kernels, std::int64_t length) {
        return layers_.normalized_convolution(x, same_convolution(layers_.scaled(kernels), {1, length}));
    }
    FeatureMaps column(const FeatureMaps& x, std::int64_t kernels, std::int64_t length) {
        return layers_.normalized_convolution(x, same_convolution(layers_.scaled(kernels), {length, 1}));
    }
    // The branch that every module ends with.
    FeatureMaps pool_branch(const FeatureMaps& x, std::int64_t kernels) {
        return square(layers_.average_pool(x, 3, 1, 1), kernels, 1);
    }
    FeatureMaps halve(const FeatureMaps& x) { return layers_.max_pool(x, 3, 2); }
    FeatureMaps concatenate(const std::vector<FeatureMaps>& branches) { return layers_.concatenate(branches); }

  private:
    ImageLayers& layers_;
};

}  // namespace tensile
