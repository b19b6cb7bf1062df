// A job's memory, its instances and its steps; see job_runner.h.
#include "runtime/job_runner.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "memory/pinned_store.h"
#include "planner/checker.h"
#include "runtime/job_admission.h"
#include "runtime/job_layout.h"
#include "runtime/layout_planner.h"
#include "runtime/program_instance.h"
#include "runtime/replan_policy.h"
#include "runtime/step_costs.h"
#include "runtime/variable_store.h"
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

struct JobRunner::State final : StepRegion::User {
    State(Device& compute, Arbiter& turns, Job& run, std::string name, Precision computed_with)
        : device(compute), arbiter(turns), job(run), label(std::move(name)), precision(computed_with) {}
    ~State() override {
        for (const auto& instance : instances)
            instance->cancel();
        // From here on nobody asks for finish_copies().
        grant.step = {};
    }

    void lower_programs();
    void lower_for_movement();
    void check_plans(const JobLayout& layout) const;
    void make_instances();
    void initialize_variables(const StopFlag* stop);
    void initialize_from_host(const StopFlag* stop);
    HostTier tier() const;
    std::unique_ptr<HostStore> try_make_host_store(std::uint64_t bytes);
    VariableStore variables(const JobGrant& place);
    PlanFigures figures() const;
    void replan_if_worthwhile(const StopFlag* stop);
    void replan(std::uint64_t room, const StopFlag* stop);
    bool keeps_state(const JobLayout& layout) const;
    void move_to(JobGrant& next, const StopFlag* stop);
    std::byte* enter_region(const StopFlag* stop);
    LaunchStatus finish_copies(const StopFlag* stop) noexcept override;
    void step(int program, const StopFlag* stop, const std::function<void(std::int64_t, std::int64_t)>& feed_rows);

    Device& device;
    Arbiter& arbiter;
    Job& job;
    std::string label;
    Precision precision;
    JobMemory* memory = nullptr;     // from admission on
    std::optional<StepCosts> costs;  // too
    std::vector<JobProgram> programs;
    std::vector<VariablePiece> pieces;
    std::vector<std::int64_t> grains;  // by program
    JobLayout in_place;
    JobGrant grant;
    PoolOwner owner;
    PoolShare share;
    ReplanPolicy policy;
    bool moves = false;               // the plans move or compute again, so a better plan is possible
    std::uint64_t seen_releases = 0;  // of the pool, when its room was last looked at
    std::uint64_t replans = 0;
    MoveCounters moved_before;     // by the plans before the present one
    mutable std::mutex replacing;  // held where grant and instances are replaced, and read by other threads
    std::vector<std::unique_ptr<ProgramInstance>> instances;  // by program; gone before what they lie in
    // Of the latest turn.
    std::byte* region = nullptr;
    ProgramInstance* latest = nullptr;  // whose copies may be under way
    int feeding = 0;                    // the program whose batch is being fed
};

void JobRunner::State::lower_programs() {
    for (const Program& program : job.programs) {
        programs.push_back({prepare_program(device, program, {.precision = precision}), {}});
        grains.push_back(feeding_grain(program));
    }
    pieces = assign_pieces(job, programs);
    in_place = lay_out_in_place(programs, pieces);
}

// Lowers the programs again, into shorter ops that give the same bits, between which more can move.
void JobRunner::State::lower_for_movement() {
    for (JobProgram& program : programs) {
        const LoweringOptions options =
            sliced({.split_chains = true, .precision = precision}, job, program.planned->program);
        program.planned = prepare_program(device, program.planned->program, options);
    }
    pieces = assign_pieces(job, programs);
    in_place = lay_out_in_place(programs, pieces);
}

void JobRunner::State::check_plans(const JobLayout& layout) const {
    for (std::size_t i = 0; i < programs.size(); ++i)
        check_plan(programs[i].planned->executable->lowered(), layout.plans[i]);
}

void JobRunner::State::make_instances() {
    moves = false;
    instances.clear();
    std::byte* const base = grant.state.data();
    std::vector<std::byte*> addresses;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        PlannedProgram& planned = *programs[i].planned;
        planned.plan = grant.layout.plans[i];
        addresses.clear();
        for (const std::size_t piece : programs[i].pieces) {
            const TensorHome& home = grant.layout.homes[piece];
            addresses.push_back(home.home == Home::kResident ? base + home.offset : nullptr);
        }
        const HostCopies copies{&memory->lanes, grant.host.get(), grant.layout.tensor_copies[i]};
        moves = moves || !planned.plan.moves_nothing();
        instances.push_back(std::make_unique<ProgramInstance>(
            programs[i].planned,
            InstancePlaces{{base, region}, base + grant.layout.constants[i], addresses, memory->bridge}, &copies));
    }
}

VariableStore JobRunner::State::variables(const JobGrant& place) {
    return {device, memory->bridge, place.layout, pieces, place.state.data(), place.host.get()};
}

// On an asynchronous device all pass through memory of the host.
void JobRunner::State::initialize_from_host(const StopFlag* stop) {
    std::uint64_t greatest = 0;
    for (const Variable& variable : job.variables)
        greatest = std::max<std::uint64_t>(greatest, variable.type.bytes());
    const HostBuffer staging =
        memory->bridge->arena().take(aligned_size(greatest, kCopyAlignment), "initial variables of " + label);
    VariableStore store = variables(grant);
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        if (is_set(stop)) throw_stopped();
        store.initialize(job.variables[i], pieces_of(pieces, i), staging.data());
    }
}

// Those that do not lie in the state as a whole pass through the step region, which has room for each of them.
void JobRunner::State::initialize_variables(const StopFlag* stop) {
    if (memory->bridge != nullptr) return initialize_from_host(stop);
    VariableStore store = variables(grant);
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        if (is_set(stop)) throw_stopped();
        const PieceRange range = pieces_of(pieces, i);
        if (store.is_written_in_place(range)) {
            store.initialize(job.variables[i], range, nullptr);
            continue;
        }
        const Arbiter::Turn turn = arbiter.take_turn(stop);
        store.initialize(job.variables[i], range, enter_region(stop));
    }
}

// In a turn. Where the region is now.
std::byte* JobRunner::State::enter_region(const StopFlag* stop) {
    std::byte* const now = memory->steps.enter(*this, stop);
    if (now == nullptr) throw_stopped();
    if (now == region) return now;
    // It moves only after this job's copies have ended.
    region = now;
    for (const auto& instance : instances)
        instance->set_step_region(now);
    return now;
}

LaunchStatus JobRunner::State::finish_copies(const StopFlag* stop) noexcept {
    if (latest == nullptr) return LaunchStatus::kCompleted;
    try {
        return latest->drain(stop);
    } catch (...) {
        // The job meets the error itself when it goes on.
        latest->cancel();
        return LaunchStatus::kCompleted;
    }
}

void JobRunner::State::step(int program, const StopFlag* stop,
                            const std::function<void(std::int64_t, std::int64_t)>& feed_rows) {
    Driver& driver = *job.driver;
    ProgramInstance& instance = *instances[static_cast<std::size_t>(program)];
    const Arbiter::Turn turn = arbiter.take_turn(stop);
    enter_region(stop);
    // A plan knows which of its own earlier copies to wait for, but nothing of other programs'.
    if (latest != nullptr && latest != &instance && latest->drain(stop) == LaunchStatus::kStopped) throw_stopped();
    latest = &instance;
    if (instance.wait_for_feed(stop) == LaunchStatus::kStopped) throw_stopped();
    driver.feed(program, {instance.inputs(), instance.extents()});
    feeding = program;
    turn.stream().parallel_for(driver.feed_row_count(program), grains[static_cast<std::size_t>(program)], feed_rows);
    instance.clear_unused_rows();
    const OpTimes times = costs->begin(static_cast<std::size_t>(program));
    if (instance.run(turn.stream(), stop, times) == LaunchStatus::kStopped) throw_stopped();
    costs->learn(static_cast<std::size_t>(program));
    driver.observe(program, instance.outputs());
}

// In which the job's host copies are, or would be.
HostTier JobRunner::State::tier() const {
    const bool is_pinned = grant.host != nullptr && grant.host->memory() != nullptr;
    return is_pinned ? memory->pinned_tier() : memory->spill_tier();
}

// Of the same tier as the present one; null where there is no room in it.
std::unique_ptr<HostStore> JobRunner::State::try_make_host_store(std::uint64_t bytes) {
    if (tier().is_pinned) {
        HostBuffer range = memory->bridge->arena().try_take(bytes, "host copies of " + label);
        return range ? std::make_unique<PinnedStore>(std::move(range)) : nullptr;
    }
    try {
        return memory->spill.try_create(bytes);
    } catch (const Error&) {
        // The limit is lower than it was, or the disk is full: nothing to end a job for that can go on.
        return nullptr;
    }
}

PlanFigures JobRunner::State::figures() const {
    PlanFigures figures{{}, tier().link};
    for (std::size_t i = 0; i < programs.size(); ++i) {
        const std::vector<double> seconds = costs->expected_seconds(i);
        figures.op_seconds.insert(figures.op_seconds.end(), seconds.begin(), seconds.end());
    }
    return figures;
}

// Between steps, of plans that move.
void JobRunner::State::replan_if_worthwhile(const StopFlag* stop) {
    const bool is_time_to_compare = policy.is_time_to_compare();
    const std::uint64_t releases = memory->pool.releases();
    if (releases != seen_releases && !memory->pool.has_waiters()) {
        seen_releases = releases;
        const std::uint64_t room = memory->steps.room();
        const std::uint64_t limit = share.limit(memory->pool.summary().size);
        if (policy.is_worth_growing(std::min(grant.state.bytes() + room, limit))) return replan(room, stop);
    }
    if (is_time_to_compare && policy.have_departed(figures()))
        replan(std::max(memory->steps.room(), grant.layout.step_bytes), stop);
}

// Plans again for what there is beside the state, and the state if it need not change. Where that leads to nothing, or
// others are quicker, the job stays as it is.
void JobRunner::State::replan(std::uint64_t room, const StopFlag* stop) {
    const std::uint64_t limit = share.limit(memory->pool.summary().size);
    const std::uint64_t all = std::min(grant.state.bytes() + room, limit);
    policy.planned(all, figures());
    const LayoutPlanner planner(*memory, tier(), memory->costs, programs, pieces);
    const auto layout_within = [&](std::uint64_t bytes) {
        return in_place.pool_bytes() <= bytes ? std::optional(in_place) : planner.plan_within(bytes);
    };
    std::optional<JobLayout> layout = layout_within(all);
    if (layout && !keeps_state(*layout)) {
        // The old state stays until the new one is written, so the new one needs room beside it.
        const std::uint64_t beside = std::min(room, limit);
        if (beside < grant.layout.pool_bytes()) return;
        if (layout->pool_bytes() > beside) layout = layout_within(beside);
    }
    if (!layout) return;
    check_plans(*layout);
    JobGrant next;
    next.layout = *std::move(layout);
    if (next.layout.host_bytes > 0) {
        next.host = try_make_host_store(next.layout.host_bytes);
        if (next.host == nullptr) return;
    }
    move_to(next, stop);
}

bool JobRunner::State::keeps_state(const JobLayout& layout) const {
    return layout.homes == grant.layout.homes && layout.constants == grant.layout.constants;
}

// `next` has layout and host store. When there is still room for it, it becomes the present grant.
void JobRunner::State::move_to(JobGrant& next, const StopFlag* stop) {
    const Arbiter::Turn turn = arbiter.take_turn(stop);
    if (latest != nullptr && latest->drain(stop) == LaunchStatus::kStopped) throw_stopped();
    const std::uint64_t state_bytes = keeps_state(next.layout) ? 0 : cut_size(next.layout.state_bytes);
    std::optional<Extent> given = memory->steps.make_room(*this, next.layout.step_bytes, state_bytes, owner, stop);
    if (is_set(stop)) throw_stopped();
    enter_region(stop);
    if (!given) return;
    VariableStore from = variables(grant);
    next.state = std::move(state_bytes > 0 ? *given : grant.state);
    VariableStore to = variables(next);
    if (from.copy_to(to, stop) == LaunchStatus::kStopped) throw_stopped();
    const std::scoped_lock lock(replacing);
    for (const auto& instance : instances)
        moved_before += instance->counters();
    // What `next` holds afterwards, the extent and the host store of before, it lets go of.
    std::swap(grant.layout, next.layout);
    std::swap(grant.host, next.host);
    std::swap(grant.state, next.state);
    latest = nullptr;
    make_instances();
    ++replans;
}

JobRunner::JobRunner(Device& device, Arbiter& arbiter, Job& job, std::string label, Precision precision)
    : state_(std::make_unique<State>(device, arbiter, job, std::move(label), precision)) {
    state_->lower_programs();
}

JobRunner::~JobRunner() = default;

std::uint64_t JobRunner::extent_bytes() const {
    return state_->in_place.extent_bytes();
}

void JobRunner::admit(JobMemory& memory, const PoolOwner& owner, std::optional<std::chrono::milliseconds> timeout,
                      const StopFlag* stop, const PoolShare& share) {
    State& state = *state_;
    state.memory = &memory;
    // What others let go of from here on may be too late for the plan.
    state.seen_releases = memory.pool.releases();
    const auto admission = [&] {
        return JobAdmission(state.arbiter, memory, state.programs, state.pieces, state, owner, stop);
    };
    state.owner = owner;
    state.share = share;
    std::optional<JobGrant> grant = admission().admit_in_place(state.in_place, share);
    if (!grant) state.lower_for_movement();
    state.costs.emplace(memory.costs, memory.bridge == nullptr ? nullptr : &state.device);
    for (const JobProgram& program : state.programs)
        state.costs->add(program.planned->executable->lowered());
    state.grant = grant ? *std::move(grant) : admission().admit_moving(state.in_place, timeout, share);
    {
        const Arbiter::Turn turn = state.arbiter.take_turn(stop);
        state.enter_region(stop);
    }
    state.check_plans(state.grant.layout);
    state.make_instances();
    state.initialize_variables(stop);
    state.policy.planned(std::max(state.grant.planned_bytes, state.grant.layout.pool_bytes()), state.figures());
}

void JobRunner::run(const StopFlag* stop, const std::function<void()>& after_step) {
    State& state = *state_;
    if (state.instances.empty()) throw InternalError("job \"" + state.label + "\" runs before it is admitted");
    Driver& driver = *state.job.driver;
    // Made once: a step must not allocate.
    const std::function<void(std::int64_t, std::int64_t)> feed_rows = [&state](std::int64_t begin, std::int64_t end) {
        ProgramInstance& instance = *state.instances[static_cast<std::size_t>(state.feeding)];
        state.job.driver->feed_rows(state.feeding, {instance.inputs(), instance.extents()}, begin, end);
    };
    while (const std::optional<int> program = driver.next()) {
        if (is_set(stop)) throw_stopped();
        state.step(*program, stop, feed_rows);
        if (state.moves) state.replan_if_worthwhile(stop);
        if (after_step) after_step();
    }
    if (state.latest != nullptr && state.latest->drain(stop) == LaunchStatus::kStopped) throw_stopped();
}

void JobRunner::read_variable(int index, std::span<std::byte> to) {
    State& state = *state_;
    const auto variable = static_cast<std::size_t>(index);
    if (to.size() != state.job.variables.at(variable).type.bytes())
        throw InternalError("variable \"" + state.job.variables[variable].name + "\" is read as one of another size");
    const PieceRange range = pieces_of(state.pieces, variable);
    VariableStore store = state.variables(state.grant);
    for (std::size_t piece = range.begin; piece < range.end; ++piece)
        store.read(piece, to.subspan(state.pieces[piece].offset, state.pieces[piece].bytes));
}

std::vector<PlanRow> JobRunner::plan() const {
    const State& state = *state_;
    const std::scoped_lock lock(state.replacing);
    const LinkModel link = state.tier().link;
    std::vector<PlanRow> rows;
    for (std::size_t i = 0; i < state.programs.size(); ++i)
        append_plan_rows(rows, state.programs[i].planned->executable->lowered(), state.grant.layout.plans[i], link,
                         state.costs->expected_seconds(i));
    return rows;
}

std::vector<CostFigure> JobRunner::cost_figures(std::size_t limit) const {
    return state_->costs->figures(limit);
}

AlgorithmChoices JobRunner::algorithm_choices() const {
    AlgorithmChoices choices;
    for (const JobProgram& program : state_->programs)
        choices.merge(program.planned->executable->algorithm_choices());
    return choices;
}

std::vector<TensorRow> JobRunner::tensors() const {
    const State& state = *state_;
    const std::scoped_lock lock(state.replacing);
    // Before admission, as it would be in place.
    const JobLayout& layout = state.instances.empty() ? state.in_place : state.grant.layout;
    std::vector<TensorRow> rows;
    for (std::size_t i = 0; i < state.pieces.size(); ++i) {
        const VariablePiece& piece = state.pieces[i];
        const Variable& variable = state.job.variables[piece.variable];
        const bool is_whole = piece.bytes == variable.type.bytes();
        const std::size_t number = i - pieces_of(state.pieces, piece.variable).begin;
        const TensorHome& home = layout.homes[i];
        rows.push_back({state.label, "", is_whole ? variable.name : variable.name + "[" + std::to_string(number) + "]",
                        "variable", piece.bytes,
                        home.home == Home::kResident ? std::optional(home.offset) : std::nullopt});
    }
    for (std::size_t program = 0; program < state.programs.size(); ++program) {
        const PlannedProgram& planned = *state.programs[program].planned;
        const Plan& plan = layout.plans[program];
        const LoweredProgram& lowered = planned.executable->lowered();
        const std::vector<std::int32_t> places = last_places(lowered, plan);
        for (std::size_t i = 0; i < lowered.tensors.size(); ++i) {
            const LoweredTensor& tensor = lowered.tensors[i];
            if (tensor.kind == LoweredKind::kVariable) continue;
            std::uint64_t offset = 0;
            if (places[i] >= 0)
                // A transient tensor may lie in the state while a variable is away from it.
                offset = plan.places[static_cast<std::size_t>(places[i])].offset;
            if (places[i] >= 0 && offset >= plan.state_bytes) offset += layout.state_bytes - plan.state_bytes;
            if (places[i] < 0) offset = layout.constants[program] + planned.constant_offsets[i];
            rows.push_back({state.label, lowered.name, tensor.name, name_of(tensor.kind), tensor.bytes, offset});
        }
    }
    return rows;
}

JobUsage JobRunner::usage() const {
    const State& state = *state_;
    const std::scoped_lock lock(state.replacing);
    JobUsage usage;
    usage.replans = state.replans;
    usage.moved = state.moved_before;
    usage.comfortable_bytes = state.in_place.extent_bytes();
    usage.granted_bytes = state.grant.layout.extent_bytes();
    usage.resident_bytes = state.grant.layout.state_bytes;
    usage.host_bytes = state.grant.layout.host_bytes;
    for (const auto& instance : state.instances)
        usage.moved += instance->counters();
    return usage;
}

}  // namespace tensile
