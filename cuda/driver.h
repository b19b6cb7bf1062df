// The NVIDIA driver as the plug-in finds it: whether one is there and new enough, and what it is called. Asking makes
// no context.
#pragma once

#include <string>

namespace tensile::cuda {

// Number of devices, at least one. Throws PluginError with TENSILE_NO_DRIVER or TENSILE_OLD_DRIVER and a message that
// says what is there and what is needed.
int device_count();

// "driver 580.65.06, CUDA 13.0"; without the first part where the kernel module does not tell its version.
std::string driver_description();

// "13.0" of 13000, as CUDA and its driver number themselves.
std::string cuda_version(int number);

}  // namespace tensile::cuda
