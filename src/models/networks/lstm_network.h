// A classifier of sequences of different lengths: token embeddings, layers of long short-term memory, and a linear
// layer on the state that the last layer has at each sequence's end (ops/lstm_cell.h has the equations).
//
//   for each step t, layer l:  gates = x_t W_l + h_{l, t-1} U_l + b_l, x_t the hidden state of layer l - 1 or, for the
//                              first, embedding[tokens_t];  h_{l, t}, c_{l, t} = lstm_cell(gates, c_{l, t-1})
//   logits = dropout(h_{last, last}) W_head + b_head
//
// The program is unrolled over all steps, each with its own matrices [batch?, width]; a sequence that has ended keeps
// its state through the steps that are left, so what its tokens hold there has no influence. Forget gates start open (b
// = 1: Jozefowicz, Zaremba, Sutskever, ICML 2015). Inputs: for each step t, tokens_<t> i32 [batch?] and present_<t> f32
// [batch?] (1 up to the sequence's length, then 0); target i32 [batch?], row_weight f32 [batch?], besides those of
// every network (sequence_network.h). The extent is "batch", in sequences.
#pragma once

#include <cstdint>

#include "models/networks/sequence_network.h"

namespace tensile {

struct LstmOptions {
    std::int64_t batch = 32;  // sequences
    std::int64_t steps = 16;  // of the longest
    std::int64_t vocabulary = 256;
    std::int64_t embedding = 32;
    std::int64_t layers = 1;
    std::int64_t hidden = 64;
    std::int64_t classes = 2;
    double dropout = 0;
    std::uint64_t seed = 1;
    OptimizerSettings optimizer{};
};

TrainingNetwork lstm_network(const LstmOptions& options);

}  // namespace tensile
