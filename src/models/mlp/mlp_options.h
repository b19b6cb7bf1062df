// The hyper-parameters of method mlp: their one declaration, and their values with types.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/learning_rate.h"
#include "models/optimizer.h"
#include "models/options.h"

namespace tensile {

enum class Normalization : std::uint8_t { kNone, kBatch, kLayer };
enum class Activation : std::uint8_t { kRelu, kGelu, kSilu, kTanh };

struct MlpOptions {
    std::vector<std::int64_t> hidden;
    Activation activation;
    Normalization normalization;
    double dropout;
    bool huber;
    bool balanced_classes;
    std::int64_t embedding_size;
    std::int64_t max_categories;
    std::int64_t epochs;
    std::int64_t batch_size;
    std::int64_t micro_batches;
    double learning_rate;
    ScheduleKind schedule;
    std::int64_t warmup_steps;
    OptimizerSettings optimizer;
    double validation;
    std::int64_t patience;
    std::uint64_t seed;
};

std::span<const OptionDeclaration> mlp_option_declarations();

// From a validated set; throws Error 22023 for options that contradict each other.
MlpOptions mlp_options(const Options& options);

}  // namespace tensile
