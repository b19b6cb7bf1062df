// The linear job's training step run by hand: batches, first variables and the bits that every way of running it must
// give; and the kinds of plans that its tests run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "device/device.h"
#include "runtime/program_instance.h"
#include "unit/runtime/linear_job.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {

inline constexpr std::int64_t kRows = 64;
inline constexpr std::int64_t kFeatures = 24;

struct AlignedFree {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{kCopyAlignment}); }
};
using Memory = std::unique_ptr<std::byte, AlignedFree>;
Memory allocate(std::uint64_t bytes);

// Of an element of a variable, before the first step.
float initial_value(std::size_t variable, std::int64_t element);
// Every third batch is smaller.
void feed(ProgramInstance& instance, int step);

// The losses of each step and the variables after the last.
using Bits = std::vector<float>;
void append(Bits& bits, const TensorView& view);
// On a synchronous device, moving nothing.
Bits bits_in_place(Device& device, int steps);

inline constexpr MovingPlanOptions kSwaps{true, false, false};
inline constexpr MovingPlanOptions kRecomputes{false, true, false};
inline constexpr MovingPlanOptions kBoth{true, true, false};
inline constexpr MovingPlanOptions kHostVariables{false, false, true};
inline constexpr MovingPlanOptions kEverything{true, true, true};

}  // namespace tensile
