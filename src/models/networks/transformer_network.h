// A transformer over sequences of one length: token and position embeddings, blocks of attention and feed-forward
// layers, each behind a layer norm and beside a residual connection, and a classification of every position (Vaswani et
// al., arXiv 1706.03762; the norm first: Xiong et al., arXiv 2002.04745). With `causal` it is a language model, a
// decoder without encoder; without, an encoder such as BERT's.
//
//   x = dropout(token_embedding[tokens] + position_embedding[step])
//   for each block:  x = x + dropout(attention(layer_norm(x)) W + b)
//                    x = x + dropout(gelu(layer_norm(x) W1 + b1) W2 + b2)
//   logits = layer_norm(x) W_head + b_head
//   attention: by head, softmax(q k^T / sqrt(width / heads)) v with dropout of the softmax
//
// Matrices have a row for each position, [batch steps, width]; those of a head lie below each other
// (ops/split_heads.h). Inputs: tokens i32 [batch steps], target i32 [batch steps], row_weight f32 [batch steps], which
// is 0 where no target counts, besides those of every network (sequence_network.h).
#pragma once

#include <cstdint>

#include "models/networks/sequence_network.h"

namespace tensile {

struct TransformerOptions {
    std::int64_t batch = 8;  // sequences
    std::int64_t steps = 64;
    std::int64_t vocabulary = 256;
    std::int64_t layers = 2;
    std::int64_t heads = 4;
    std::int64_t width = 64;  // a multiple of heads
    std::int64_t feed_forward = 256;
    double dropout = 0.1;
    bool causal = true;
    std::uint64_t seed = 1;
    OptimizerSettings optimizer{};
};

TrainingNetwork transformer_network(const TransformerOptions& options);

}  // namespace tensile
