// DenseNet-121: in a dense block each layer sees the maps of all layers before it. See image_networks.h.
#include <algorithm>

#include "models/networks/image_layers.h"

namespace tensile {

namespace {

// Normalization and relu come before the convolution: 1x1 to four times the growth, 3x3 to the growth.
FeatureMaps dense_layer(ImageLayers& layers, const FeatureMaps& x, std::int64_t growth) {
    constexpr std::int64_t kBottleneck = 4;
    const FeatureMaps narrow =
        layers.convolution(layers.relu(layers.batch_normalization(x)), square_convolution(kBottleneck * growth, 1));
    const FeatureMaps grown =
        layers.convolution(layers.relu(layers.batch_normalization(narrow)), square_convolution(growth, 3, 1, 1));
    return layers.concatenate({x, grown});
}

// Halves the channels and the sides of the maps.
FeatureMaps transition(ImageLayers& layers, const FeatureMaps& x) {
    const FeatureMaps fewer = layers.convolution(layers.relu(layers.batch_normalization(x)),
                                                 square_convolution(std::max<std::int64_t>(x.channels / 2, 1), 1));
    return layers.average_pool(fewer, 2, 2);
}

}  // namespace

ImageNetworkTraining densenet_121_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer) {
    constexpr int kBlocks[] = {6, 12, 24, 16};
    constexpr std::int64_t kGrowth = 32;

    ImageLayers layers("densenet_121", shape);
    FeatureMaps x = layers.normalized_convolution(layers.images(), square_convolution(layers.scaled(64), 7, 2, 3));
    x = layers.max_pool(x, 3, 2, 1);
    bool first = true;
    for (int count : kBlocks) {
        if (!first) x = transition(layers, x);
        first = false;
        for (int layer = 0; layer < count; ++layer)
            x = dense_layer(layers, x, layers.scaled(kGrowth));
    }
    x = layers.relu(layers.batch_normalization(x));
    return layers.train(layers.global_average_pool(x), optimizer);
}

}  // namespace tensile
