// A job's memory, its instances and its steps; see job_runner.h.
#include "runtime/job_runner.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "planner/checker.h"
#include "runtime/job_admission.h"
#include "runtime/job_layout.h"
#include "runtime/program_instance.h"
#include "runtime/step_costs.h"
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

// Memory for one piece between a spill file and somewhere else.
class StagingBuffer {
  public:
    StagingBuffer() : memory_(static_cast<std::byte*>(::operator new (kCopyPiece, std::align_val_t{kCopyAlignment}))) {}
    std::span<std::byte> first(std::size_t bytes) { return {memory_.get(), bytes}; }

  private:
    struct Free {
        void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{kCopyAlignment}); }
    };
    std::unique_ptr<std::byte, Free> memory_;
};

void initialize(const Variable& variable, std::byte* data) {
    const TensorView view = view_of(variable.type, data);
    std::memset(view.data, 0, view.type.bytes());
    if (variable.initialize) variable.initialize(view);
}

}  // namespace

struct JobRunner::State final : StepRegion::User {
    State(Device& compute, Arbiter& turns, Job& run, std::string name)
        : device(compute), arbiter(turns), job(run), label(std::move(name)) {}
    ~State() override {
        for (const auto& instance : instances)
            instance->cancel();
        // From here on nobody asks for finish_copies().
        grant.step = {};
    }

    void lower_programs();
    void lower_for_movement();
    void make_instances(JobMemory& memory);
    void initialize_variables(const StopFlag* stop);
    void write_content(std::size_t piece, const std::byte* content);
    void read_content(std::size_t piece, std::span<std::byte> to);
    std::byte* enter_region(const StopFlag* stop);
    LaunchStatus finish_copies(const StopFlag* stop) noexcept override;
    void step(int program, const StopFlag* stop, const std::function<void(std::int64_t, std::int64_t)>& feed_rows);

    Device& device;
    Arbiter& arbiter;
    Job& job;
    std::string label;
    JobMemory* memory = nullptr;     // from admission on
    std::optional<StepCosts> costs;  // too
    std::vector<JobProgram> programs;
    std::vector<VariablePiece> pieces;
    std::vector<std::int64_t> grains;  // by program
    JobLayout in_place;
    JobGrant grant;
    std::vector<std::unique_ptr<ProgramInstance>> instances;  // by program; gone before what they lie in
    // Of the latest turn.
    std::byte* region = nullptr;
    ProgramInstance* latest = nullptr;  // whose copies may be under way
    int feeding = 0;                    // the program whose batch is being fed
};

void JobRunner::State::lower_programs() {
    for (const Program& program : job.programs) {
        programs.push_back({prepare_program(device, program, {}), {}});
        grains.push_back(feeding_grain(program));
    }
    pieces = assign_pieces(job, programs);
    in_place = lay_out_in_place(programs, pieces);
}

// Lowers the programs again, into shorter ops that give the same bits, between which more can move.
void JobRunner::State::lower_for_movement() {
    for (JobProgram& program : programs) {
        const LoweringOptions options = sliced({.split_chains = true}, job, program.planned->program);
        program.planned = prepare_program(device, program.planned->program, options);
    }
    pieces = assign_pieces(job, programs);
    in_place = lay_out_in_place(programs, pieces);
}

void JobRunner::State::make_instances(JobMemory& shared) {
    std::byte* const base = grant.state.data();
    std::vector<std::byte*> addresses;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        PlannedProgram& planned = *programs[i].planned;
        planned.plan = grant.layout.plans[i];
        check_plan(planned.executable->lowered(), planned.plan);
        addresses.clear();
        for (const std::size_t piece : programs[i].pieces) {
            const TensorHome& home = grant.layout.homes[piece];
            addresses.push_back(home.home == Home::kResident ? base + home.offset : nullptr);
        }
        const HostCopies copies{&shared.lanes, grant.spill.get(), grant.layout.tensor_copies[i]};
        instances.push_back(std::make_unique<ProgramInstance>(
            programs[i].planned, InstancePlaces{{base, region}, base + grant.layout.constants[i], addresses}, &copies));
    }
}

// Those that do not lie in the state as a whole pass through the step region, which has room for each of them.
void JobRunner::State::initialize_variables(const StopFlag* stop) {
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        if (is_set(stop)) throw_stopped();
        const Variable& variable = job.variables[i];
        const PieceRange range = pieces_of(pieces, i);
        if (is_in_one_place(grant.layout, pieces, range)) {
            initialize(variable, grant.state.data() + grant.layout.homes[range.begin].offset);
            continue;
        }
        const Arbiter::Turn turn = arbiter.take_turn(stop);
        std::byte* const staging = enter_region(stop);
        initialize(variable, staging);
        for (std::size_t piece = range.begin; piece < range.end; ++piece)
            write_content(piece, staging + pieces[piece].offset);
    }
}

// `content` may be read up to the next multiple of kCopyAlignment.
void JobRunner::State::write_content(std::size_t piece, const std::byte* content) {
    const TensorHome& home = grant.layout.homes[piece];
    if (home.home == Home::kResident)
        std::memcpy(grant.state.data() + home.offset, content, pieces[piece].bytes);
    else
        write_pieces(*grant.spill, grant.layout.piece_copies[piece],
                     {content, aligned_size(pieces[piece].bytes, kCopyAlignment)});
}

void JobRunner::State::read_content(std::size_t piece, std::span<std::byte> to) {
    const TensorHome& home = grant.layout.homes[piece];
    if (home.home == Home::kResident) {
        const std::unique_ptr<Stream> stream = device.create_stream(StreamClass::kCopyOut, StreamPriority::kTraining);
        stream->copy(to.data(), grant.state.data() + home.offset, to.size());
        stream->synchronize();
        return;
    }
    StagingBuffer staging;
    for (std::uint64_t offset = grant.layout.piece_copies[piece]; !to.empty(); offset += kCopyPiece) {
        const std::size_t wanted = std::min<std::size_t>(to.size(), kCopyPiece);
        const std::span<std::byte> part = staging.first(aligned_size(wanted, kCopyAlignment));
        grant.spill->read(offset, part);
        std::memcpy(to.data(), part.data(), wanted);
        to = to.subspan(wanted);
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

JobRunner::JobRunner(Device& device, Arbiter& arbiter, Job& job, std::string label)
    : state_(std::make_unique<State>(device, arbiter, job, std::move(label))) {
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
    const auto admission = [&] {
        return JobAdmission(state.arbiter, memory, state.programs, state.pieces, state, owner, stop);
    };
    std::optional<JobGrant> grant = admission().admit_in_place(state.in_place, share);
    if (!grant) state.lower_for_movement();
    state.costs.emplace(memory.costs);
    for (const JobProgram& program : state.programs)
        state.costs->add(program.planned->executable->lowered());
    state.grant = grant ? *std::move(grant) : admission().admit_moving(state.in_place, timeout, share);
    {
        const Arbiter::Turn turn = state.arbiter.take_turn(stop);
        state.enter_region(stop);
    }
    state.make_instances(memory);
    state.initialize_variables(stop);
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
    for (std::size_t piece = range.begin; piece < range.end; ++piece)
        state.read_content(piece, to.subspan(state.pieces[piece].offset, state.pieces[piece].bytes));
}

std::vector<PlanRow> JobRunner::plan() const {
    const State& state = *state_;
    const LinkModel link = state.memory->link.model();
    std::vector<PlanRow> rows;
    for (std::size_t i = 0; i < state.programs.size(); ++i)
        append_plan_rows(rows, state.programs[i].planned->executable->lowered(), state.grant.layout.plans[i], link,
                         state.costs->expected_seconds(i));
    return rows;
}

std::vector<CostFigure> JobRunner::cost_figures(std::size_t limit) const {
    return state_->costs->figures(limit);
}

std::vector<TensorRow> JobRunner::tensors() const {
    const State& state = *state_;
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
    JobUsage usage;
    usage.comfortable_bytes = state.in_place.extent_bytes();
    usage.granted_bytes = state.grant.layout.extent_bytes();
    usage.resident_bytes = state.grant.layout.state_bytes;
    usage.host_bytes = state.grant.layout.host_bytes;
    for (const auto& instance : state.instances)
        usage.moved += instance->counters();
    return usage;
}

}  // namespace tensile
