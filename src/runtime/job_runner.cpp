// Lays a job out in its extent and runs its steps; see job_runner.h.
#include "runtime/job_runner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

// Rows that one thread feeds at a time: about 64 kB, so that small batches are fed by one thread without a join.
std::int64_t feeding_grain(const Program& program) {
    std::size_t row_bytes = 0;
    for (const ValueId input : program.inputs()) {
        const TensorType& type = program.value(input).type;
        if (type.shape.is_bounded())
            row_bytes += static_cast<std::size_t>(type.shape.row_width()) * size_of(type.dtype);
    }
    constexpr std::size_t kPieceBytes = 64 * 1024;
    return static_cast<std::int64_t>(std::max<std::size_t>(kPieceBytes / std::max<std::size_t>(row_bytes, 1), 1));
}

bool is_set(const StopFlag* stop) {
    return stop != nullptr && stop->load(std::memory_order_relaxed);
}

[[noreturn]] void throw_stopped() {
    throw Error(sqlstate::kQueryCanceled, "canceling job due to a stop request");
}

}  // namespace

struct JobRunner::State {
    struct ProgramSlot {
        std::shared_ptr<const PlannedProgram> planned;
        std::vector<std::size_t> variables;  // job's variable, by program variable
        std::uint64_t constants = 0;         // offset in the extent
        std::int64_t grain = 1;
        std::unique_ptr<ProgramInstance> instance;
    };

    State(Arbiter& turns, Job& run, std::string name) : arbiter(turns), job(run), label(std::move(name)) {}

    void add_program(Device& device, const Program& program);
    void lay_out();
    void step(int program, const StopFlag* stop, const std::function<void(std::int64_t, std::int64_t)>& feed_rows);
    TensorView variable(std::size_t index) const {
        return view_of(job.variables[index].type, extent.data() + variable_offsets[index]);
    }

    Arbiter& arbiter;
    Job& job;
    std::string label;
    std::vector<ProgramSlot> programs;
    // The extent: variables | constants of each program | transient region, shared by all programs.
    std::vector<std::uint64_t> variable_offsets;
    std::uint64_t transient_offset = 0;
    std::uint64_t extent_bytes = 0;
    Extent extent;
    int feeding = 0;  // the program whose batch is being fed
};

void JobRunner::State::add_program(Device& device, const Program& program) {
    ProgramSlot slot;
    for (const ValueId id : program.variables()) {
        const Value& value = program.value(id);
        const auto found = std::find_if(job.variables.begin(), job.variables.end(),
                                        [&](const Variable& variable) { return variable.name == value.name; });
        if (found == job.variables.end() || found->type != value.type)
            throw InternalError("program \"" + program.name() + "\" uses variable \"" + value.name +
                                "\", which the job does not declare with that type");
        slot.variables.push_back(static_cast<std::size_t>(found - job.variables.begin()));
    }
    slot.planned = plan_program(device, program, {});
    slot.grain = feeding_grain(program);
    programs.push_back(std::move(slot));
}

void JobRunner::State::lay_out() {
    std::uint64_t end = 0;
    for (const Variable& variable : job.variables) {
        variable_offsets.push_back(end);
        end += aligned_size(variable.type.bytes());
    }
    std::uint64_t transient_bytes = 0;
    for (ProgramSlot& slot : programs) {
        slot.constants = end;
        end += slot.planned->constant_bytes;
        transient_bytes = std::max(transient_bytes, slot.planned->plan.extent_bytes);
    }
    transient_offset = end;
    extent_bytes = end + transient_bytes;
}

void JobRunner::State::step(int program, const StopFlag* stop,
                            const std::function<void(std::int64_t, std::int64_t)>& feed_rows) {
    Driver& driver = *job.driver;
    ProgramSlot& slot = programs[static_cast<std::size_t>(program)];
    ProgramInstance& instance = *slot.instance;
    driver.feed(program, {instance.inputs(), instance.extents()});
    {
        const Arbiter::Turn turn = arbiter.take_turn(stop);
        feeding = program;
        turn.stream().parallel_for(driver.feed_row_count(program), slot.grain, feed_rows);
        instance.clear_unused_rows();
        if (instance.run(turn.stream(), stop) == LaunchStatus::kStopped) throw_stopped();
    }
    driver.observe(program, instance.outputs());
}

JobRunner::JobRunner(Device& device, Arbiter& arbiter, Job& job, std::string label)
    : state_(std::make_unique<State>(arbiter, job, std::move(label))) {
    for (const Program& program : job.programs)
        state_->add_program(device, program);
    state_->lay_out();
}

JobRunner::~JobRunner() = default;

std::uint64_t JobRunner::extent_bytes() const {
    return state_->extent_bytes;
}

void JobRunner::admit(TensorPool& pool, const PoolOwner& owner, std::optional<std::chrono::milliseconds> timeout,
                      const StopFlag* stop) {
    State& state = *state_;
    state.extent = pool.acquire(state.extent_bytes, owner, timeout, stop);
    for (std::size_t i = 0; i < state.job.variables.size(); ++i) {
        if (is_set(stop)) throw_stopped();
        const TensorView view = state.variable(i);
        std::memset(view.data, 0, view.type.bytes());
        if (state.job.variables[i].initialize) state.job.variables[i].initialize(view);
    }
    std::vector<std::byte*> addresses;
    for (State::ProgramSlot& slot : state.programs) {
        addresses.clear();
        for (const std::size_t variable : slot.variables)
            addresses.push_back(state.extent.data() + state.variable_offsets[variable]);
        slot.instance =
            std::make_unique<ProgramInstance>(slot.planned,
                                              InstancePlaces{{nullptr, state.extent.data() + state.transient_offset},
                                                             state.extent.data() + slot.constants,
                                                             addresses},
                                              nullptr);
    }
}

void JobRunner::run(const StopFlag* stop, const std::function<void()>& after_step) {
    State& state = *state_;
    if (!state.extent) throw InternalError("job \"" + state.label + "\" runs before it is admitted");
    Driver& driver = *state.job.driver;
    // Made once: a step must not allocate.
    const std::function<void(std::int64_t, std::int64_t)> feed_rows = [&state](std::int64_t begin, std::int64_t end) {
        ProgramInstance& instance = *state.programs[static_cast<std::size_t>(state.feeding)].instance;
        state.job.driver->feed_rows(state.feeding, {instance.inputs(), instance.extents()}, begin, end);
    };
    while (const std::optional<int> program = driver.next()) {
        if (is_set(stop)) throw_stopped();
        state.step(*program, stop, feed_rows);
        if (after_step) after_step();
    }
}

TensorView JobRunner::variable(int index) const {
    return state_->variable(static_cast<std::size_t>(index));
}

JobUsage JobRunner::usage() const {
    const State& state = *state_;
    JobUsage usage;
    usage.state_bytes = state.transient_offset;
    usage.step_bytes = state.extent_bytes - state.transient_offset;
    usage.comfortable_bytes = state.extent_bytes;
    usage.resident_bytes = state.transient_offset;
    return usage;
}

std::vector<PlanRow> JobRunner::plan(CostModel& costs) const {
    std::vector<PlanRow> rows;
    for (const State::ProgramSlot& slot : state_->programs) {
        const LoweredProgram& lowered = slot.planned->executable->lowered();
        append_plan_rows(rows, lowered, slot.planned->plan, {}, costs.seconds(costs.prepare(lowered)));
    }
    return rows;
}

std::vector<TensorRow> JobRunner::tensors() const {
    const State& state = *state_;
    std::vector<TensorRow> rows;
    for (std::size_t i = 0; i < state.job.variables.size(); ++i) {
        const Variable& variable = state.job.variables[i];
        rows.push_back({state.label, "", variable.name, "variable", variable.type.bytes(), state.variable_offsets[i]});
    }
    for (const State::ProgramSlot& slot : state.programs) {
        const LoweredProgram& lowered = slot.planned->executable->lowered();
        const std::vector<std::int32_t> places = last_places(lowered, slot.planned->plan);
        for (std::size_t i = 0; i < lowered.tensors.size(); ++i) {
            const LoweredTensor& tensor = lowered.tensors[i];
            std::uint64_t offset = 0;
            if (places[i] >= 0)
                offset = state.transient_offset + slot.planned->plan.places[static_cast<std::size_t>(places[i])].offset;
            else if (slot.planned->constant_offsets[i] != kNoOffset)
                offset = slot.constants + slot.planned->constant_offsets[i];
            else
                continue;  // a variable
            rows.push_back({state.label, lowered.name, tensor.name, name_of(tensor.kind), tensor.bytes, offset});
        }
    }
    return rows;
}

}  // namespace tensile
