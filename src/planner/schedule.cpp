// Schedules become plans; see schedule.h.
#include "planner/schedule.h"

#include <algorithm>
#include <string>

#include "planner/offsets.h"
#include "planner/plan_waits.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::int32_t kNone = -1;

class PlanBuilder {
  public:
    PlanBuilder(const LoweredProgram& program, const Schedule& schedule, std::span<const TensorHome> homes,
                std::uint64_t state_bytes)
        : program_(program),
          schedule_(schedule),
          end_(static_cast<std::int32_t>(schedule.sequence.size())),
          next_stay_(schedule.stays.size(), kNone),
          current_(program.tensors.size(), kNone),
          uses_(schedule.stays.size()) {
        plan_.program = program.name;
        plan_.homes.assign(homes.begin(), homes.end());
        plan_.state_bytes = state_bytes;
        if (homes.size() != program.tensors.size()) throw InternalError("a schedule has homes for another program");
    }

    std::optional<Plan> build(std::uint64_t limit) {
        link_stays();
        follow_uses();
        if (!place(limit)) return std::nullopt;
        return finish();
    }

    Plan build_at(std::span<const std::uint64_t> offsets) {
        link_stays();
        follow_uses();
        list_places();
        take_offsets(offsets);
        return finish();
    }

  private:
    // Positions; kNone where there is none.
    struct Uses {
        std::int32_t first = kNone;
        std::int32_t last_write = kNone;
    };

    static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
    const Stay& stay(std::int32_t index) const { return schedule_.stays[at(index)]; }
    bool lives_outside(std::size_t tensor) const {
        return program_.tensors[tensor].kind == LoweredKind::kConstant ||
               (program_.tensors[tensor].kind == LoweredKind::kVariable && plan_.homes[tensor].home == Home::kNone);
    }
    bool is_resident(std::size_t tensor) const { return plan_.homes[tensor].home == Home::kResident; }
    [[noreturn]] void fail(std::int32_t tensor, const char* what) const {
        throw InternalError("the schedule of program \"" + program_.name + "\" " + what + ": \"" +
                            program_.tensors[at(tensor)].name + "\"");
    }

    // By tensor a list of its stays in order.
    void link_stays() {
        first_stay_.assign(program_.tensors.size(), kNone);
        std::vector<std::int32_t> last(program_.tensors.size(), kNone);
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(schedule_.stays.size()); ++i) {
            const Stay& current = stay(i);
            const std::size_t tensor = at(current.tensor);
            if (tensor >= program_.tensors.size())
                throw InternalError("a schedule places a tensor that does not exist");
            if (current.first < Stay::kBeforeFirst || current.last < current.first || current.last > end_)
                fail(current.tensor, "has a stay outside its sequence");
            if (last[tensor] == kNone)
                first_stay_[tensor] = i;
            else if (stay(last[tensor]).last >= current.first)
                fail(current.tensor, "has stays that are not in order");
            else
                next_stay_[at(last[tensor])] = i;
            last[tensor] = i;
        }
    }

    // Finds the stay of every use, and first uses and last writes of every stay.
    void follow_uses() {
        opened_by_.assign(schedule_.sequence.size(), {});
        for (std::size_t tensor = 0; tensor < first_stay_.size(); ++tensor) {
            const std::int32_t first = first_stay_[tensor];
            if (first != kNone && stay(first).first == Stay::kBeforeFirst) {
                current_[tensor] = first;
                plan_.initial_places.push_back(first);
            }
        }
        for (std::int32_t position = 0; position < end_; ++position) {
            const LoweredOp& op = program_.ops[at(schedule_.sequence[at(position)])];
            for (const std::int32_t tensor : op.reads)
                use(tensor, position, false);
            for (const std::int32_t tensor : op.writes)
                use(tensor, position, true);
        }
    }

    void use(std::int32_t tensor, std::int32_t position, bool writes) {
        if (lives_outside(at(tensor))) return;
        std::int32_t& current = current_[at(tensor)];
        const bool is_scratch_read = !writes && program_.tensors[at(tensor)].kind == LoweredKind::kScratch;
        if (is_scratch_read) return;
        while (true) {
            const std::int32_t next = current == kNone ? first_stay_[at(tensor)] : next_stay_[at(current)];
            if (next == kNone || stay(next).first > position) break;
            current = next;
            if (stay(next).copied_in) continue;
            if (stay(next).first != position || !writes) fail(tensor, "has a stay that nothing opens");
            opened_by_[at(position)].push_back(next);
        }
        if (current == kNone || stay(current).last < position) fail(tensor, "has a use outside all stays");
        Uses& uses = uses_[at(current)];
        if (uses.first == kNone) uses.first = position;
        if (writes) uses.last_write = position;
    }

    Plan finish() {
        list_actions();
        add_waits(program_, plan_);
        return std::move(plan_);
    }

    // Without offsets; those of a tensor that is copied are aligned for it.
    void list_places() {
        copied_.assign(program_.tensors.size(), false);
        for (const Stay& current : schedule_.stays)
            if (current.copied_in || current.copied_out) copied_[at(current.tensor)] = true;
        plan_.places.reserve(schedule_.stays.size());
        for (const Stay& current : schedule_.stays)
            plan_.places.push_back({current.tensor, 0,
                                    aligned_size(program_.tensors[at(current.tensor)].bytes,
                                                 copied_[at(current.tensor)] ? kCopyAlignment : kTensorAlignment)});
    }

    bool place(std::uint64_t limit) {
        list_places();
        std::vector<TimedBlock> blocks;
        blocks.reserve(schedule_.stays.size() + 1);
        for (const Stay& current : schedule_.stays) {
            const std::size_t tensor = at(current.tensor);
            const bool at_home = is_resident(tensor) && (current.first == Stay::kBeforeFirst || current.last == end_);
            blocks.push_back({current.first, current.last, program_.tensors[tensor].bytes,
                              copied_[tensor] ? kCopyAlignment : kTensorAlignment,
                              at_home ? plan_.homes[tensor].offset : TimedBlock::kAnywhere});
        }
        block_foreign_state(blocks);
        const OffsetAssignment placement = assign_offsets(blocks, {kTensorAlignment, plan_.state_bytes, limit});
        if (placement.extent_bytes > limit) return false;
        take_offsets(std::span(placement.offsets).first(plan_.places.size()));
        return true;
    }

    void take_offsets(std::span<const std::uint64_t> offsets) {
        plan_.extent_bytes = plan_.state_bytes;
        for (std::size_t i = 0; i < plan_.places.size(); ++i) {
            plan_.places[i].offset = offsets[i];
            plan_.extent_bytes = std::max(plan_.extent_bytes, offsets[i] + plan_.places[i].bytes);
        }
        plan_.minimum_bytes = plan_.extent_bytes;
        plan_.peak_bytes = peak();
    }

    // Bytes of the state that are not those of this program's variables belong to other programs.
    void block_foreign_state(std::vector<TimedBlock>& blocks) const {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> own;
        for (std::size_t i = 0; i < plan_.homes.size(); ++i)
            if (is_resident(i))
                own.emplace_back(plan_.homes[i].offset,
                                 plan_.homes[i].offset + aligned_size(program_.tensors[i].bytes));
        std::sort(own.begin(), own.end());
        own.emplace_back(plan_.state_bytes, plan_.state_bytes);
        std::uint64_t reached = 0;
        for (const auto& [begin, end] : own) {
            if (begin > reached) blocks.push_back({Stay::kBeforeFirst, end_, begin - reached, 0, reached});
            reached = std::max(reached, end);
        }
    }

    std::uint64_t peak() const {
        std::vector<std::int64_t> change(at(end_) + 3);
        for (std::size_t i = 0; i < plan_.places.size(); ++i) {
            change[at(schedule_.stays[i].first + 1)] += static_cast<std::int64_t>(plan_.places[i].bytes);
            change[at(schedule_.stays[i].last + 2)] -= static_cast<std::int64_t>(plan_.places[i].bytes);
        }
        std::int64_t live = 0;
        std::int64_t peak = 0;
        for (const std::int64_t step : change)
            peak = std::max(peak, live += step);
        return static_cast<std::uint64_t>(peak);
    }

    void list_actions() {
        std::vector<std::vector<std::int32_t>> out_after(at(end_) + 1);  // by position + 1
        std::vector<std::vector<std::int32_t>> in_before(at(end_) + 1);
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(schedule_.stays.size()); ++i) {
            const Uses& uses = uses_[at(i)];
            if (stay(i).copied_in) {
                if (uses.first == kNone && stay(i).last != end_) fail(stay(i).tensor, "copies in what nothing uses");
                if (uses.first == kNone) uses_[at(i)].first = end_;
                in_before[at(stay(i).first)].push_back(i);
            }
            if (stay(i).copied_out) {
                // Content that was copied in is there by its first use at the latest.
                const std::int32_t after = uses.last_write != kNone ? uses.last_write
                                           : stay(i).copied_in      ? uses.first
                                                                    : Stay::kBeforeFirst;
                out_after[at(after + 1)].push_back(i);
            }
        }
        for (std::int32_t position = -1; position <= end_; ++position) {
            if (position >= 0) {
                std::vector<std::int32_t>& in = in_before[at(position)];
                std::stable_sort(in.begin(), in.end(), [&](std::int32_t a, std::int32_t b) {
                    return uses_[at(a)].first < uses_[at(b)].first;
                });
                for (const std::int32_t place : in)
                    plan_.actions.push_back({ActionKind::kCopyIn, place, {}, {}, {}});
            }
            if (position >= 0 && position < end_)
                plan_.actions.push_back(
                    {ActionKind::kRun, schedule_.sequence[at(position)], std::move(opened_by_[at(position)]), {}, {}});
            if (position < end_)
                for (const std::int32_t place : out_after[at(position + 1)])
                    plan_.actions.push_back({ActionKind::kCopyOut, place, {}, {}, {}});
        }
    }

    const LoweredProgram& program_;
    const Schedule& schedule_;
    const std::int32_t end_;                            // number of positions
    std::vector<std::int32_t> first_stay_;              // by tensor
    std::vector<std::int32_t> next_stay_;               // by stay: the same tensor's next one
    std::vector<bool> copied_;                          // by tensor: in or out, in any of its stays
    std::vector<std::int32_t> current_;                 // by tensor: its stay at the position that is followed
    std::vector<Uses> uses_;                            // by stay
    std::vector<std::vector<std::int32_t>> opened_by_;  // by position: stays that its run opens
    Plan plan_;
};

}  // namespace

std::optional<Plan> place_schedule(const LoweredProgram& program, const Schedule& schedule,
                                   std::span<const TensorHome> homes, std::uint64_t state_bytes, std::uint64_t limit) {
    return PlanBuilder(program, schedule, homes, state_bytes).build(limit);
}

Plan place_schedule_at(const LoweredProgram& program, const Schedule& schedule, std::span<const TensorHome> homes,
                       std::uint64_t state_bytes, std::span<const std::uint64_t> offsets) {
    return PlanBuilder(program, schedule, homes, state_bytes).build_at(offsets);
}

}  // namespace tensile
