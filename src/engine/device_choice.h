// Which device the engine runs on: what `tensile.device` names, or with "auto" the first CUDA device and else the CPU.
// Knows the setting and what users are told; how a CUDA device is opened is the caller's.
#pragma once

#include <functional>
#include <memory>

#include "device/device.h"
#include "engine/log.h"
#include "engine/settings.h"

namespace tensile {

// Opens the CUDA device of that number. Throws Error that says why it cannot be used: no plug-in (0A000), no driver or
// an old one (58000), no such device (22023), no memory (53200).
using CudaOpener = std::function<std::unique_ptr<Device>(int ordinal)>;

// With "auto", a CUDA device that cannot be used is a line in the log. Throws Error for one that is asked for by its
// number, with the opener's SQLSTATE and hint; 22023 for a name that is none.
std::unique_ptr<Device> choose_device(const Settings& settings, const CudaOpener& open_cuda, Log& log);

}  // namespace tensile
