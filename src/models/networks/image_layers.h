// The layers that image networks are built of, appended to one program in the order of the calls, with their variables.
// A network composes them and ends with train(). Knows no network.
#pragma once

#include <string>
#include <vector>

#include "graph/ops/window.h"
#include "models/initializers.h"
#include "models/networks/image_networks.h"

namespace tensile {

// Maps of a batch: value f32 [images size.pixels(), channels].
struct FeatureMaps {
    ValueId value;
    ops::MapSize size;
    std::int64_t channels = 0;
};

// A convolution: its kernels, and the size, stride and padding of its window.
struct ConvolutionLayer {
    std::int64_t kernels = 0;
    ops::MapSize kernel;
    std::int64_t stride = 1;
    ops::MapSize padding{0, 0};
};

// A square kernel.
ConvolutionLayer square_convolution(std::int64_t kernels, std::int64_t kernel, std::int64_t stride = 1,
                                    std::int64_t padding = 0);
// A rectangular kernel of odd sides that keeps the size of the maps.
ConvolutionLayer same_convolution(std::int64_t kernels, const ops::MapSize& kernel);

class ImageLayers {
  public:
    // `epsilon`: of batch normalization.
    ImageLayers(std::string name, const ImageNetworkShape& shape, double epsilon = 1e-5);

    FeatureMaps images() const;
    // A number of channels times the network's width.
    std::int64_t scaled(std::int64_t channels) const;

    FeatureMaps convolution(const FeatureMaps& x, const ConvolutionLayer& layer);
    FeatureMaps bias(const FeatureMaps& x);
    // By the batch's statistics; running averages follow them. `gamma`: the initial scale.
    FeatureMaps batch_normalization(const FeatureMaps& x, double gamma = 1);
    FeatureMaps relu(const FeatureMaps& x);
    // Convolution, batch normalization, relu.
    FeatureMaps normalized_convolution(const FeatureMaps& x, const ConvolutionLayer& layer);

    FeatureMaps max_pool(const FeatureMaps& x, std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0);
    FeatureMaps average_pool(const FeatureMaps& x, std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0);
    // One pixel an image.
    FeatureMaps global_average_pool(const FeatureMaps& x);

    FeatureMaps add(const FeatureMaps& x, const FeatureMaps& y);
    // Channels side by side.
    FeatureMaps concatenate(const std::vector<FeatureMaps>& parts);
    // All pixels of an image as the channels of one.
    FeatureMaps flatten(const FeatureMaps& x);
    FeatureMaps dropout(const FeatureMaps& x, double rate);
    // Of maps of one pixel: a matrix and a bias.
    FeatureMaps dense(const FeatureMaps& x, std::int64_t outputs);

    // Ends the network: a dense layer to the classes, the loss, its gradients and their updates. Spends the object.
    ImageNetworkTraining train(const FeatureMaps& features, const OptimizerSettings& settings);

  private:
    ValueId parameter(const std::string& name, const Shape& shape, bool decays, Initializer initialize);
    ValueId statistic(const std::string& name, std::int64_t channels, float value);
    ValueId weight_matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double gain);
    std::string next_name(const char* kind);
    ops::Window window(const FeatureMaps& x, const ops::MapSize& kernel, std::int64_t stride,
                       const ops::MapSize& padding) const;

    ImageNetworkShape shape_;
    double epsilon_;
    ProgramBuilder builder_;
    ValueId images_;
    ValueId random_;  // declared by the first dropout
    std::int64_t dropouts_ = 0;
    std::int64_t layers_ = 0;
    std::vector<Parameter> parameters_;
    std::vector<Variable> statistics_;
};

}  // namespace tensile
