// Time to plan, on one core: a whole job at several budgets, one program with homes given, and placement alone. The
// argument is the number of layers: 165 layers are about 1,000 ops, 1,650 about 10,000.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "planner/job_planner.h"
#include "planner/liveness.h"
#include "planner/planner.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

const LinkModel kLink = {1e10, 1e10, 2e10, 1e-5};

LoweredProgram program_of(benchmark::State& state) {
    return deep_training_program({static_cast<int>(state.range(0)), 1 << 22, 1 << 18, 3, true, true});
}

void note_ops(benchmark::State& state, const LoweredProgram& program) {
    state.counters["ops"] = static_cast<double>(program.ops.size());
}

// The second argument is the budget in per cent of what is comfortable.
void plan_whole_job(benchmark::State& state) {
    const LoweredProgram program = program_of(state);
    ProgramTask task;
    task.program = &program;
    task.op_seconds = op_seconds_at_ratio(program, kLink, 0.3);
    std::vector<std::uint64_t> variable_bytes;
    for (const LoweredTensor& tensor : program.tensors) {
        const bool is_variable = tensor.kind == LoweredKind::kVariable;
        task.variables.push_back(is_variable ? static_cast<std::int32_t>(variable_bytes.size()) : -1);
        if (is_variable) variable_bytes.push_back(tensor.bytes);
    }
    const JobRequest request = {{&task, 1}, variable_bytes, kLink};
    const std::uint64_t budget = comfortable_bytes(request) / 100 * static_cast<std::uint64_t>(state.range(1));
    for (auto _ : state)
        benchmark::DoNotOptimize(plan_job(request, budget));
    note_ops(state, program);
}
BENCHMARK(plan_whole_job)->ArgsProduct({{165, 1650}, {100, 60, 40, 20}})->Unit(benchmark::kMillisecond);

void plan_program(benchmark::State& state) {
    const LoweredProgram program = program_of(state);
    const std::vector<double> seconds = op_seconds_at_ratio(program, kLink, 0.3);
    const std::vector<TensorHome> homes(program.tensors.size());
    const PlanTask task = {&program, seconds, homes, 0, kLink};
    const std::uint64_t budget = plan_in_place(program).peak_bytes / 100 * static_cast<std::uint64_t>(state.range(1));
    for (auto _ : state)
        benchmark::DoNotOptimize(plan_within(task, budget));
    note_ops(state, program);
}
BENCHMARK(plan_program)->ArgsProduct({{165, 1650}, {60, 40}})->Unit(benchmark::kMillisecond);

// Offsets and waits of the schedule that moves nothing.
void place_in_place(benchmark::State& state) {
    const LoweredProgram program = program_of(state);
    const std::vector<TensorHome> homes(program.tensors.size());
    const Schedule schedule = schedule_in_place(program, homes);
    double ratio = 0;
    for (auto _ : state) {
        const auto plan = place_schedule(program, schedule, homes, 0, kUnlimited);
        ratio = static_cast<double>(plan->extent_bytes) / static_cast<double>(plan->peak_bytes);
    }
    state.counters["extent/peak"] = ratio;
    note_ops(state, program);
}
BENCHMARK(place_in_place)->Arg(165)->Arg(1650)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tensile

BENCHMARK_MAIN();
