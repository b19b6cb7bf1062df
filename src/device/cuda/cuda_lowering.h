// Turns a program into kernels of the CUDA plug-in: one op a node, in the order of the program. An op whose kernel can
// do so writes into the buffer of an input that nobody needs any more; updates of sliced variables become one op a
// slice. Rows that must not depend on the batch are the plug-in's promise (TensileOpProblem::row_invariant).
#pragma once

#include "device/cuda/cuda_program.h"
#include "device/device.h"
#include "graph/program.h"

namespace tensile {

// `multiprocessors`: of the device, for the expected seconds of ops. Throws Error 0A000 when the plug-in has no kernel
// for a node.
CudaProgram lower_to_cuda(const Program& program, const LoweringOptions& options, CudaKernels& kernels,
                          std::shared_ptr<const CudaContext> context, int multiprocessors);

}  // namespace tensile
