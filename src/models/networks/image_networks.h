// Training programs of well-known image networks: forward pass, softmax cross entropy, gradients and the optimizer's
// updates, for one batch size and one size of images. Convolutions before batch normalization have no bias.
//
// inputs of a program:
//   images         f32 [images pixels pixels, 3]: row (image pixels + y) pixels + x
//   labels         i32 [images]: classes from 0
//   random         i64 [2] = {seed, counter}: masks of dropout, in networks that have any
//   step           the optimizer's step (Optimizer::write_step), and decaying_step where there is weight decay
// output:
//   loss           f32 []: mean cross entropy of the batch
#pragma once

#include <cstdint>
#include <vector>

#include "graph/job.h"
#include "models/optimizer.h"

namespace tensile {

struct ImageNetworkShape {
    std::int64_t images = 16;   // of a batch
    std::int64_t pixels = 224;  // of a side
    double width = 1;           // factor of the numbers of channels
    std::int64_t classes = 1000;
    std::uint64_t seed = 0;  // of the initial weights
    // Initial scale of the last normalization of a residual block. With 0 each block begins as its shortcut, so that
    // gradients do not grow with the depth (Goyal et al., arXiv 1706.02677).
    double residual_scale = 1;
};

struct ImageNetworkTraining {
    Program program;
    std::vector<Parameter> parameters;  // what the optimizer trains
    std::vector<Variable> variables;    // all that the program uses: parameters, running statistics, optimizer state

    // Numbers in all parameters together.
    std::int64_t parameter_count() const;
};

// Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556,
// configuration D. 138.36 million parameters. At least 32 pixels.
ImageNetworkTraining vgg_16_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer);

// He, Zhang, Ren, Sun, "Deep residual learning for image recognition", arXiv 1512.03385, with the stride of a
// bottleneck in its 3x3 convolution. 25.56 million parameters.
ImageNetworkTraining resnet_50_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer);

// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture for computer vision",
// arXiv 1512.00567, without the auxiliary head. 23.83 million parameters. At least 75 pixels; the paper has 299.
ImageNetworkTraining inception_v3_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer);

// Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the impact of residual connections on
// learning", arXiv 1602.07261. 42.68 million parameters. At least 75 pixels; the paper has 299.
ImageNetworkTraining inception_v4_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer);

// Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks", arXiv 1608.06993, DenseNet-BC of
// 121 layers. 7.98 million parameters. At least 32 pixels.
ImageNetworkTraining densenet_121_training(const ImageNetworkShape& shape, const OptimizerSettings& optimizer);

}  // namespace tensile
