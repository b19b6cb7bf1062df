// Learning-rate schedules: the rate as a function of the step alone, so that a resumed job needs no state for it.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace tensile {

enum class ScheduleKind : std::uint8_t { kConstant, kCosine, kLinear };

struct LearningRate {
    double base = 0;
    ScheduleKind kind = ScheduleKind::kConstant;
    std::int64_t warmup_steps = 0;  // rises linearly from base / warmup_steps to base first
    std::int64_t total_steps = 1;   // where a falling schedule reaches 0

    // Of step `step`, from 0.
    double at(std::int64_t step) const {
        if (step < warmup_steps) return base * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
        if (kind == ScheduleKind::kConstant || total_steps <= warmup_steps) return base;
        const double progress =
            std::fmin(1, static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps));
        if (kind == ScheduleKind::kLinear) return base * (1 - progress);
        return base * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    }
};

}  // namespace tensile
