// What a training learned of its ops, as JSON that the extension keeps with the model version and gives back to later
// trainings, so that their first plan knows this machine also after a restart of the engine. The text comes from a
// table: whatever in it this engine cannot have written is left out.
//
//   {"device": "cpu", "instruction_set": "AVX2", "library": "oneDNN 2.6.3", "threads": 4,
//    "choices": {"matmul(f32[256?0, 64], ...": "0a3f...", ...},  algorithms of devices that choose, by problem
//    "figures": [["matmul..relu", 23, 19, 1.21, 640], ...]}      kind, log2 flops, log2 bytes, ratio, measurements
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "device/device.h"
#include "planner/cost_model.h"

namespace tensile {

// Figures of one profile, its bytes, and those of them for choices, at most.
inline constexpr std::size_t kMaxProfileFigures = 256;
inline constexpr std::size_t kMaxProfileBytes = 16 * 1024;
inline constexpr std::size_t kMaxChoiceBytes = 10 * 1024;

// Empty without figures and choices. Those beyond the limits are left out, the last first.
std::string write_cost_profile(const DeviceProperties& device, int threads, std::span<const CostFigure> figures,
                               const AlgorithmChoices& choices = {});

// Gives the model what it does not know better itself, from profiles of the same device, instruction set, library and
// number of threads, and returns how many figures that were. Never fails for what the text holds.
std::size_t merge_cost_profile(std::string_view profile, const DeviceProperties& device, int threads, CostModel& model);

// The choices of a profile of the same device, instruction set and library, whatever its threads. Never fails either.
AlgorithmChoices algorithm_choices_in(std::string_view profile, const DeviceProperties& device);

}  // namespace tensile
