// VGG-16: five stages of 3x3 convolutions, each ending with a pooling that halves the maps, and two dense layers. See
// image_networks.h.
#include "models/networks/image_layers.h"

namespace tensile {

ImageNetworkTraining vgg_16_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer) {
    struct Stage {
        int layers;
        std::int64_t kernels;
    };
    constexpr Stage kStages[] = {{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}};
    constexpr std::int64_t kDense = 4096;
    constexpr double kDropout = 0.5;

    ImageLayers layers("vgg_16", shape);
    FeatureMaps x = layers.images();
    for (const Stage& stage : kStages) {
        for (int i = 0; i < stage.layers; ++i)
            x = layers.relu(
                layers.bias(layers.convolution(x, square_convolution(layers.scaled(stage.kernels), 3, 1, 1))));
        x = layers.max_pool(x, 2, 2);
    }
    x = layers.flatten(x);
    for (int i = 0; i < 2; ++i)
        x = layers.dropout(layers.relu(layers.dense(x, layers.scaled(kDense))), kDropout);
    return layers.train(x, optimizer);
}

}  // namespace tensile
