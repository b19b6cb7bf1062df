// ResNet-50: four stages of bottlenecks whose results are added to their inputs. See image_networks.h.
#include "models/networks/image_layers.h"

namespace tensile {

namespace {

constexpr std::int64_t kExpansion = 4;

// 1x1 to fewer channels, 3x3, 1x1 to more channels; the shortcut is a convolution where the shape changes.
FeatureMaps bottleneck(ImageLayers& layers, const FeatureMaps& x, std::int64_t channels, std::int64_t stride,
                       double residual_scale) {
    const std::int64_t outputs = kExpansion * channels;
    FeatureMaps y = layers.normalized_convolution(x, square_convolution(channels, 1));
    y = layers.normalized_convolution(y, square_convolution(channels, 3, stride, 1));
    y = layers.batch_normalization(layers.convolution(y, square_convolution(outputs, 1)), residual_scale);
    const bool same = stride == 1 && x.channels == outputs;
    const FeatureMaps shortcut =
        same ? x : layers.batch_normalization(layers.convolution(x, square_convolution(outputs, 1, stride)));
    return layers.relu(layers.add(y, shortcut));
}

}  // namespace

ImageNetworkTraining resnet_50_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer) {
    struct Stage {
        int blocks;
        std::int64_t channels;
        std::int64_t stride;
    };
    constexpr Stage kStages[] = {{3, 64, 1}, {4, 128, 2}, {6, 256, 2}, {3, 512, 2}};

    ImageLayers layers("resnet_50", shape);
    FeatureMaps x = layers.normalized_convolution(layers.images(), square_convolution(layers.scaled(64), 7, 2, 3));
    x = layers.max_pool(x, 3, 2, 1);
    for (const Stage& stage : kStages)
        for (int block = 0; block < stage.blocks; ++block)
            x = bottleneck(layers, x, layers.scaled(stage.channels), block == 0 ? stage.stride : 1,
                           shape.residual_scale);
    return layers.train(layers.global_average_pool(x), optimizer);
}

}  // namespace tensile
