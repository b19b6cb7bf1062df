// The weights of a finished training as they are stored. Knows no session.
#pragma once

#include <cstddef>
#include <span>

#include "models/model_family.h"
#include "runtime/job_runner.h"

namespace tensile {

// Writes what the job's variables hold to where `layout`, made from the training's manifest, wants each weight, and the
// host weights behind them. `runner` is null when the job had nothing to run. `weights` has layout.weight_bytes().
void write_weights(Training& training, JobRunner* runner, const Predictor& layout, std::span<std::byte> weights);

}  // namespace tensile
