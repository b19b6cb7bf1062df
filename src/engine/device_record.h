// What a stored model says of the device that trained it, and what a training may ask of a device.
#pragma once

#include <string>

#include "device/device.h"

namespace tensile {

// The manifest, a JSON object, with a last member "trained_on": what must be equal for the same bits to come out again.
std::string with_device(std::string manifest, const DeviceProperties& device);

// Throws Error 0A000 when the device cannot compute so.
void require_precision(const Device& device, Precision precision);

}  // namespace tensile
