// Turns a program into tile groups. Consecutive row-wise nodes over the same rows become one section whose tiles are
// row ranges; nodes that do not depend on each other share a phase; elementwise nodes write into the buffer of an input
// that nobody needs any more. Everything is decided from shapes and dependencies alone, never from the number of
// threads.
#pragma once

#include "device/cpu/onednn_library.h"
#include "device/cpu/tile_kernel.h"
#include "device/cpu/tile_program.h"
#include "device/device.h"
#include "graph/program.h"

namespace tensile {

// Throws Error 0A000 when the CPU has no kernel for a node.
TileProgram lower_program(const Program& program, const LoweringOptions& options, const KernelTable& kernels,
                          const OnednnLibrary& onednn);

// Whether lower_program knows the op for that floating type.
bool has_kernel(const KernelTable& kernels, const Op& op, DType dtype);

}  // namespace tensile
