// Runs the libraries once on tiny problems, so that whatever they load or allocate on first use is there before the
// engine asks how much memory is free.
#pragma once

#include "cuda/kernel_registry.h"

namespace tensile::cuda {

// Throws PluginError. Leaves nothing behind but what the libraries keep.
void warm_up(const KernelRegistry& kernels, const DeviceContext& device);

}  // namespace tensile::cuda
