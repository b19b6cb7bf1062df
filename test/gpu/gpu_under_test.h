// The device that unit_gpu tests: the one behind the plug-in that TENSILE_GPU_PLUGIN names (a file), or, when it is not
// set, the in-process fake of the plug-in, by which the tests themselves are tested on machines without a GPU. On the
// fake the networks are tiny and run for a few steps, because its kernels are the reference kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "device/cuda/cuda_device.h"
#include "support/network_trainings.h"

namespace tensile::test {

bool is_real_gpu();

// A device of its own; it can give out one slab.
std::unique_ptr<CudaDevice> open_gpu();

// How the networks of the tests are run.
NetworkScale test_scale();
std::int64_t test_steps();

// A line "figure NAME VALUE" for scripts/check-gpu, which puts it into its table.
void print_figure(std::string_view name, const std::string& value);

}  // namespace tensile::test
