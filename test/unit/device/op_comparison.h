// Runs an op case on a device and compares every output with the reference interpreter's.
#pragma once

#include <span>

#include "device/device.h"
#include "support/op_cases.h"

namespace tensile::test {

// Sums of a few hundred terms round differently in another order, and vector polynomials are a few units in the last
// place off: relative to the largest magnitude in the tensor, all results agree within this.
inline constexpr double kRelativeError = 2e-5;

// Also with rows beyond the extent that hold NaNs, where the op allows it. `slab`: see DeviceRun.
void compare_with_reference(Device& device, const OpCase& op_case, std::span<std::byte> slab = {},
                            const LoweringOptions& options = {}, double relative_error = kRelativeError);

}  // namespace tensile::test
