// Runs the threads of one block as fibers on the calling thread. A fiber runs until its next barrier or shuffle; in
// which order the fibers take their turns, and the blocks of a grid, is shuffled by a seed, so that code that lacks a
// barrier gives other results under another seed. Knows nothing of streams or memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "unit/cuda/emulation/device_code.h"

namespace tensile::cuda_emulation {

// Of all grids from now on. 0: in ascending order, 1: in descending order, others: shuffled.
void set_thread_order(std::uint64_t seed);

// Runs body() once for each thread of each block; returns what was wrong, or nothing: a barrier that some threads of
// the block never reached, or threads of one warp that met in different operations.
std::string run_grid(dim3 grid, dim3 block, const std::function<void()>& body);

}  // namespace tensile::cuda_emulation
