// A transformer over patches of one series (in the spirit of PatchTST; Nie et al.: "A time series is worth 64 words",
// ICLR 2023, arXiv 2211.14730): neighbouring values form the tokens, every series passes the same network on its own,
// and all tokens together give the steps ahead.
//
//   t_p = patch_p W + b + position_p                                 tokens f[B patches, width]
//   t = t + attention(norm(t)), t = t + W_2 gelu(norm(t) W_1 + b_1) + b_2     in each layer; attention sees all tokens
//   y = [norm(t_1), ..., norm(t_n)] W_out + b_out
// The published network normalises over the batch and after each part; here rows are normalised, before each part, so
// that a forecast depends on its own window alone. Where cells may be missing a patch is followed by which are present.
#pragma once

#include <memory>

#include "models/window_networks/series_network.h"

namespace tensile {

struct PatchTransformerOptions {
    std::int64_t patch_length = 16;  // at most the look-back
    std::int64_t patch_stride = 8;
    std::int64_t width = 16;  // a multiple of heads
    std::int64_t heads = 4;
    std::int64_t layers = 3;
    std::int64_t feed_forward = 128;
    double dropout = 0.2;
};

std::unique_ptr<SeriesNetwork> make_patch_transformer(const NetworkShape& shape,
                                                      const PatchTransformerOptions& options);

}  // namespace tensile
