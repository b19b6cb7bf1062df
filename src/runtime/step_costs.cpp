// See step_costs.h.
#include "runtime/step_costs.h"

#include <algorithm>

namespace tensile {

void StepCosts::add(const LoweredProgram& program) {
    programs_.push_back({model_->prepare(program), std::vector<double>(program.ops.size()), 0, false});
}

std::vector<double> StepCosts::expected_seconds(std::size_t program) const {
    return model_->seconds(programs_.at(program).keys);
}

std::vector<CostFigure> StepCosts::figures(std::size_t limit) const {
    CostKeys all;
    for (const Program& program : programs_)
        all.append(program.keys);
    return model_->figures(all, limit);
}

OpTimes StepCosts::begin(std::size_t program) {
    Program& measured = programs_[program];
    const std::uint64_t run = measured.runs++;
    measured.is_measuring = run < kMeasuredAtFirst || run % kMeasuredEvery == 0;
    if (!measured.is_measuring) return {};
    // An op that does not run in this one has no time.
    std::fill(measured.seconds.begin(), measured.seconds.end(), 0.0);
    return OpTimes(measured.seconds);
}

void StepCosts::learn(std::size_t program) {
    const Program& measured = programs_[program];
    if (measured.is_measuring) model_->learn(measured.keys, measured.seconds);
}

}  // namespace tensile
