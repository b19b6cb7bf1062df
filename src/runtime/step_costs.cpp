// See step_costs.h.
#include "runtime/step_costs.h"

#include <algorithm>

namespace tensile {

void StepCosts::add(const LoweredProgram& program) {
    Program& added = programs_.emplace_back();
    added.keys = model_->prepare(program);
    added.seconds.resize(program.ops.size());
    if (device_ == nullptr) return;
    for (std::size_t op = 0; op < program.ops.size(); ++op)
        added.events.push_back({device_->create_event(), device_->create_event(), false});
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
    for (OpEvents& events : measured.events)
        events.were_recorded = false;
    return OpTimes(measured.seconds, measured.events);
}

void StepCosts::learn(std::size_t program) {
    Program& measured = programs_[program];
    if (!measured.is_measuring) return;
    for (std::size_t op = 0; op < measured.events.size(); ++op) {
        const OpEvents& events = measured.events[op];
        if (events.were_recorded) measured.seconds[op] = events.end->seconds_since(*events.begin);
    }
    model_->learn(measured.keys, measured.seconds);
}

}  // namespace tensile
