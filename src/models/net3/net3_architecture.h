// What a NET3 network looks like, apart from its weights: sizes, graphs and the choices of its options. Plain data,
// shared by training, the stored model and the tests.
#pragma once

#include <cstdint>
#include <vector>

namespace tensile {

// How the recurrent network's layers see the compressed tensor.
enum class Net3Recurrence : std::uint8_t {
    kTensor,    // a matrix for each mode: places influence each other (the paper's)
    kShared,    // one network for all places, none sees another
    kPerPlace,  // a network of its own for each place
};

// What the network's output is added to.
enum class Net3Skip : std::uint8_t {
    kNone,            // nothing (the paper's)
    kLast,            // the last value
    kAutoregression,  // a linear forecast of each series from its own window; training begins at the least squares fit
};

struct Net3Architecture {
    std::vector<std::int64_t> modes;         // places of each mode, the last one's fastest; at least one mode
    std::vector<std::vector<float>> graphs;  // by mode: normalised adjacency [N, N], or empty
    std::vector<std::vector<int>> terms;     // sets of modes whose graphs are applied together
    std::vector<std::int64_t> compressed;    // places of each mode behind the Tucker compression; empty: none
    std::int64_t window = 5;                 // past steps
    std::int64_t features = 8;               // d, of the graph convolution
    std::int64_t hidden = 8;                 // d', of the recurrent network
    std::int64_t covariates = 0;             // numbers known of the step that is forecast, for each series
    Net3Recurrence recurrence = Net3Recurrence::kTensor;
    Net3Skip skip = Net3Skip::kLast;
    bool shared_head = true;
    // Whether steps may have gaps, which the forecast from the steps before then fills. Does not change the weights.
    bool fills_gaps = true;
    double orthogonality = 1e-3;   // weight of the penalty sum of |U'U - I|
    double reconstruction = 1e-3;  // weight of the penalty on what the compression loses

    std::int64_t series() const {
        std::int64_t count = 1;
        for (std::int64_t places : modes)
            count *= places;
        return count;
    }
    bool compresses() const { return !compressed.empty(); }
    const std::vector<std::int64_t>& inner_modes() const { return compresses() ? compressed : modes; }
    std::int64_t inner_places() const {
        std::int64_t count = 1;
        for (std::int64_t places : inner_modes())
            count *= places;
        return count;
    }
};

}  // namespace tensile
