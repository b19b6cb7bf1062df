// A binary classifier of table rows: numbers beside the rows of one embedding table for each category column, then
// hidden layers. Nearly all parameters lie in the tables, of which a step touches a few rows; tables that have more
// rows than the batch get row-sparse gradients.
//
//   x = [numbers | embedding_i[codes_i] of each table i]
//   for each hidden layer: x = dropout(relu(layer_norm(x W + b)));  logit = x W_head + b_head
//
// Inputs: numbers f32 [batch?, numbers], codes_<i> i32 [batch?], target f32 [batch?] (0 or 1), row_weight f32 [batch?],
// besides those of every network (sequence_network.h). The extent is "batch".
#pragma once

#include <cstdint>

#include "models/networks/sequence_network.h"

namespace tensile {

struct TabularOptions {
    std::int64_t batch = 256;
    std::int64_t numbers = 16;
    std::int64_t tables = 4;
    std::int64_t table_rows = 10000;
    std::int64_t embedding = 16;
    std::int64_t layers = 2;
    std::int64_t width = 128;
    double dropout = 0.1;
    std::uint64_t seed = 1;
    OptimizerSettings optimizer{};
};

TrainingNetwork tabular_network(const TabularOptions& options);

}  // namespace tensile
