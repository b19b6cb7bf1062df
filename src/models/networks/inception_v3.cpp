// Inception-V3: modules of parallel branches, concatenated; large kernels are factored into rectangular ones. The names
// of the modules are those of the paper's figures 5 to 7 and 10. See image_networks.h.
#include "models/networks/inception_layers.h"

namespace tensile {

namespace {

// A network with the widths of the paper scaled.
class Inception : InceptionLayers {
  public:
    using InceptionLayers::InceptionLayers;

    FeatureMaps stem(const FeatureMaps& images) {
        FeatureMaps x = square(images, 32, 3, 2);
        x = square(x, 32, 3);
        x = square(x, 64, 3, 1, 1);
        x = halve(x);
        x = square(x, 80, 1);
        x = square(x, 192, 3);
        return halve(x);
    }

    // Figure 5, with one 5x5 kernel left as it is.
    FeatureMaps small_kernels(const FeatureMaps& x, std::int64_t pooled) {
        const FeatureMaps single = square(x, 64, 1);
        const FeatureMaps five = square(square(x, 48, 1), 64, 5, 1, 2);
        const FeatureMaps twice = square(square(square(x, 64, 1), 96, 3, 1, 1), 96, 3, 1, 1);
        return concatenate({single, five, twice, pool_branch(x, pooled)});
    }

    // Figure 10: halves the maps.
    FeatureMaps first_reduction(const FeatureMaps& x) {
        const FeatureMaps three = square(x, 384, 3, 2);
        const FeatureMaps twice = square(square(square(x, 64, 1), 96, 3, 1, 1), 96, 3, 2);
        return concatenate({three, twice, halve(x)});
    }

    // Figure 6: 7x7 kernels as rows and columns.
    FeatureMaps factored_kernels(const FeatureMaps& x, std::int64_t inner) {
        const FeatureMaps single = square(x, 192, 1);
        const FeatureMaps seven = column(row(square(x, inner, 1), inner, 7), 192, 7);
        FeatureMaps twice = square(x, inner, 1);
        twice = row(column(twice, inner, 7), inner, 7);
        twice = row(column(twice, inner, 7), 192, 7);
        return concatenate({single, seven, twice, pool_branch(x, 192)});
    }

    FeatureMaps second_reduction(const FeatureMaps& x) {
        const FeatureMaps three = square(square(x, 192, 1), 320, 3, 2);
        const FeatureMaps seven = square(column(row(square(x, 192, 1), 192, 7), 192, 7), 192, 3, 2);
        return concatenate({three, seven, halve(x)});
    }

    // Figure 7: 3x3 kernels as a row beside a column.
    FeatureMaps expanded_kernels(const FeatureMaps& x) {
        const FeatureMaps single = square(x, 320, 1);
        const FeatureMaps three = square(x, 384, 1);
        const FeatureMaps twice = square(square(x, 448, 1), 384, 3, 1, 1);
        return concatenate({single, row(three, 384, 3), column(three, 384, 3), row(twice, 384, 3),
                            column(twice, 384, 3), pool_branch(x, 192)});
    }
};

}  // namespace

ImageNetworkTraining inception_v3_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer) {
    constexpr double kEpsilon = 1e-3;
    constexpr double kDropout = 0.2;

    ImageLayers layers("inception_v3", shape, kEpsilon);
    Inception inception(layers);
    FeatureMaps x = inception.stem(layers.images());
    for (std::int64_t pooled : {32, 64, 64})
        x = inception.small_kernels(x, pooled);
    x = inception.first_reduction(x);
    for (std::int64_t inner : {128, 160, 160, 192})
        x = inception.factored_kernels(x, inner);
    x = inception.second_reduction(x);
    for (int i = 0; i < 2; ++i)
        x = inception.expanded_kernels(x);
    return layers.train(layers.dropout(layers.global_average_pool(x), kDropout), optimizer);
}

}  // namespace tensile
