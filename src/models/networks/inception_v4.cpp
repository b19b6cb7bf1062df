// Inception-V4: the modules of Inception-V3 made uniform, more of them, and a stem with branches of its own. The names
// of the modules are those of the paper's figures 3 to 8. See image_networks.h.
#include "models/networks/inception_layers.h"

namespace tensile {

namespace {

// A network with the widths of the paper scaled.
class Inception : InceptionLayers {
  public:
    using InceptionLayers::InceptionLayers;

    // Figure 3.
    FeatureMaps stem(const FeatureMaps& images) {
        FeatureMaps x = square(images, 32, 3, 2);
        x = square(square(x, 32, 3), 64, 3, 1, 1);
        x = concatenate({halve(x), square(x, 96, 3, 2)});
        const FeatureMaps three = square(square(x, 64, 1), 96, 3);
        const FeatureMaps seven = square(column(row(square(x, 64, 1), 64, 7), 64, 7), 96, 3);
        x = concatenate({three, seven});
        return concatenate({square(x, 192, 3, 2), halve(x)});
    }

    // Figure 4.
    FeatureMaps inception_a(const FeatureMaps& x) {
        const FeatureMaps single = square(x, 96, 1);
        const FeatureMaps three = square(square(x, 64, 1), 96, 3, 1, 1);
        const FeatureMaps twice = square(square(square(x, 64, 1), 96, 3, 1, 1), 96, 3, 1, 1);
        return concatenate({single, three, twice, pool_branch(x, 96)});
    }

    // Figure 7.
    FeatureMaps reduction_a(const FeatureMaps& x) {
        const FeatureMaps three = square(x, 384, 3, 2);
        const FeatureMaps twice = square(square(square(x, 192, 1), 224, 3, 1, 1), 256, 3, 2);
        return concatenate({three, twice, halve(x)});
    }

    // Figure 5: 7x7 kernels as rows and columns.
    FeatureMaps inception_b(const FeatureMaps& x) {
        const FeatureMaps single = square(x, 384, 1);
        const FeatureMaps seven = column(row(square(x, 192, 1), 224, 7), 256, 7);
        FeatureMaps twice = row(column(square(x, 192, 1), 192, 7), 224, 7);
        twice = row(column(twice, 224, 7), 256, 7);
        return concatenate({single, seven, twice, pool_branch(x, 128)});
    }

    // Figure 8.
    FeatureMaps reduction_b(const FeatureMaps& x) {
        const FeatureMaps three = square(square(x, 192, 1), 192, 3, 2);
        const FeatureMaps seven = square(column(row(square(x, 256, 1), 256, 7), 320, 7), 320, 3, 2);
        return concatenate({three, seven, halve(x)});
    }

    // Figure 6: 3x3 kernels as a row beside a column.
    FeatureMaps inception_c(const FeatureMaps& x) {
        const FeatureMaps single = square(x, 256, 1);
        const FeatureMaps three = square(x, 384, 1);
        const FeatureMaps twice = row(column(square(x, 384, 1), 448, 3), 512, 3);
        return concatenate({single, row(three, 256, 3), column(three, 256, 3), row(twice, 256, 3),
                            column(twice, 256, 3), pool_branch(x, 256)});
    }
};

}  // namespace

ImageNetworkTraining inception_v4_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer) {
    constexpr double kEpsilon = 1e-3;
    constexpr double kDropout = 0.2;

    ImageLayers layers("inception_v4", shape, kEpsilon);
    Inception inception(layers);
    FeatureMaps x = inception.stem(layers.images());
    for (int i = 0; i < 4; ++i)
        x = inception.inception_a(x);
    x = inception.reduction_a(x);
    for (int i = 0; i < 7; ++i)
        x = inception.inception_b(x);
    x = inception.reduction_b(x);
    for (int i = 0; i < 3; ++i)
        x = inception.inception_c(x);
    return layers.train(layers.dropout(layers.global_average_pool(x), kDropout), optimizer);
}

}  // namespace tensile
