// DTR (Kirisame et al.: "Dynamic tensor rematerialization", ICLR 2021), run over the program op by op as its prototype
// does, which writes down what it executed. What is dead is freed at once, as its frees are hints.
#include <algorithm>
#include <limits>
#include <vector>

#include "planner/liveness.h"
#include "planner/schedule.h"

#include "planner/baselines/baselines.h"

namespace tensile {

namespace {

constexpr std::int32_t kNone = -1;
constexpr std::int32_t kForever = std::numeric_limits<std::int32_t>::max();

class Rematerializer {
  public:
    Rematerializer(const BaselineRequest& request, std::uint64_t budget)
        : request_(request),
          program_(*request.program),
          budget_(budget),
          ranges_(live_ranges(program_)),
          producer_(program_.tensors.size(), kNone),
          repeatable_until_(program_.tensors.size(), kNone),
          stay_(program_.tensors.size(), kNone),
          last_access_(program_.tensors.size(), 0),
          locks_(program_.tensors.size(), 0) {}

    std::optional<Plan> run(std::uint64_t limit) {
        find_repeatable();
        open_initial();
        if (live_ > budget_) return std::nullopt;
        for (op_ = 0; op_ < static_cast<std::int32_t>(program_.ops.size()); ++op_) {
            if (!execute(op_)) return std::nullopt;
            free_dead();
        }
        const auto end = static_cast<std::int32_t>(schedule_.sequence.size());
        for (std::size_t tensor = 0; tensor < stay_.size(); ++tensor) {
            const LoweredTensor& described = program_.tensors[tensor];
            if (described.is_output && stay_[tensor] == kNone && described.kind == LoweredKind::kResult)
                return std::nullopt;
            if (stay_[tensor] != kNone && (described.is_output || described.kind == LoweredKind::kVariable))
                schedule_.stays[at(stay_[tensor])].last = end;
        }
        return place_schedule(program_, schedule_, homes_, state_, limit);
    }

  private:
    static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
    LoweredKind kind(std::int32_t tensor) const { return program_.tensors[at(tensor)].kind; }
    std::uint64_t bytes(std::int32_t tensor) const { return aligned_size(program_.tensors[at(tensor)].bytes); }

    // Until which op of the program a result can be computed again from the same versions.
    void find_repeatable() {
        const std::size_t count = program_.tensors.size();
        std::vector<std::vector<std::int32_t>> writers(count);
        for (std::size_t op = 0; op < program_.ops.size(); ++op)
            for (const std::int32_t tensor : program_.ops[op].writes)
                writers[at(tensor)].push_back(static_cast<std::int32_t>(op));
        std::vector<std::int32_t> until(program_.ops.size(), kForever);
        for (std::size_t i = 0; i < program_.ops.size(); ++i) {
            const LoweredOp& op = program_.ops[i];
            for (const std::int32_t tensor : op.writes) {
                if (kind(tensor) == LoweredKind::kScratch) continue;
                if (writers[at(tensor)].size() > 1 || kind(tensor) != LoweredKind::kResult) until[i] = kNone;
            }
            for (const std::int32_t tensor : op.reads) {
                if (kind(tensor) == LoweredKind::kScratch) continue;
                for (const std::int32_t writer : writers[at(tensor)])
                    if (writer >= static_cast<std::int32_t>(i)) until[i] = std::min(until[i], writer);
                // Inputs and variables are kept; a result may have to be computed first, or is there while it is used.
                if (kind(tensor) != LoweredKind::kResult) continue;
                const std::int32_t source = repeatable_until_[at(tensor)];
                until[i] = std::min(until[i], source != kNone ? source : ranges_[at(tensor)].last);
            }
            for (const std::int32_t tensor : op.writes) {
                producer_[at(tensor)] = static_cast<std::int32_t>(i);
                if (kind(tensor) == LoweredKind::kResult) repeatable_until_[at(tensor)] = until[i];
            }
        }
    }

    void open_initial() {
        homes_.resize(program_.tensors.size());
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(homes_.size()); ++tensor) {
            if (kind(tensor) != LoweredKind::kVariable && kind(tensor) != LoweredKind::kInput) continue;
            if (kind(tensor) == LoweredKind::kVariable) {
                homes_[at(tensor)] = {Home::kResident, state_};
                state_ += bytes(tensor);
            }
            open(tensor, Stay::kBeforeFirst);
        }
    }

    void open(std::int32_t tensor, std::int32_t position) {
        stay_[at(tensor)] = static_cast<std::int32_t>(schedule_.stays.size());
        schedule_.stays.push_back({tensor, position, position, false, false});
        live_ += bytes(tensor);
    }

    void close(std::int32_t tensor) {
        stay_[at(tensor)] = kNone;
        live_ -= bytes(tensor);
    }

    bool is_here(std::int32_t tensor) const {
        return kind(tensor) == LoweredKind::kConstant || stay_[at(tensor)] != kNone;
    }
    bool is_dead(std::int32_t tensor) const {
        return kind(tensor) != LoweredKind::kVariable && !program_.tensors[at(tensor)].is_output &&
               ranges_[at(tensor)].last <= op_;
    }
    // What cannot be computed again stays until its last use in the program.
    bool can_go(std::int32_t tensor) const {
        if (kind(tensor) != LoweredKind::kResult || locks_[at(tensor)] > 0 || stay_[at(tensor)] == kNone) return false;
        if (program_.tensors[at(tensor)].is_output) return false;
        return is_dead(tensor) || repeatable_until_[at(tensor)] > ranges_[at(tensor)].last;
    }

    bool execute(std::int32_t op) {
        if (schedule_.sequence.size() > kMaxRuns * program_.ops.size() || ++depth_ > kMaxDepth) return false;
        const LoweredOp& lowered = program_.ops[at(op)];
        lock(lowered, 1);
        bool done = true;
        for (const std::int32_t tensor : lowered.reads) {
            if (!done || kind(tensor) == LoweredKind::kScratch || is_here(tensor)) continue;
            done = producer_[at(tensor)] != kNone && execute(producer_[at(tensor)]);
        }
        std::uint64_t needed = 0;
        for (const std::int32_t tensor : lowered.writes)
            if (!is_here(tensor)) needed += bytes(tensor);
        done = done && make_room(needed);
        if (done) record(op);
        lock(lowered, -1);
        --depth_;
        return done;
    }

    void lock(const LoweredOp& op, int change) {
        for (const std::vector<std::int32_t>* list : {&op.reads, &op.writes})
            for (const std::int32_t tensor : *list)
                locks_[at(tensor)] += change;
    }

    void record(std::int32_t op) {
        const LoweredOp& lowered = program_.ops[at(op)];
        const auto position = static_cast<std::int32_t>(schedule_.sequence.size());
        schedule_.sequence.push_back(op);
        now_ += request_.op_seconds[at(op)];
        for (const std::int32_t tensor : lowered.writes)
            if (!is_here(tensor)) open(tensor, position);
        for (const std::vector<std::int32_t>* list : {&lowered.reads, &lowered.writes})
            for (const std::int32_t tensor : *list) {
                if (stay_[at(tensor)] == kNone) continue;
                schedule_.stays[at(stay_[at(tensor)])].last = position;
                last_access_[at(tensor)] = now_;
            }
        for (const std::int32_t tensor : lowered.writes)
            if (kind(tensor) == LoweredKind::kScratch) close(tensor);
    }

    bool make_room(std::uint64_t needed) {
        while (live_ + needed > budget_) {
            std::int32_t victim = kNone;
            double least = std::numeric_limits<double>::infinity();
            for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(stay_.size()); ++tensor) {
                if (!can_go(tensor)) continue;
                const double staleness = std::max(1e-12, now_ - last_access_[at(tensor)]);
                const double size = static_cast<double>(std::max<std::uint64_t>(1, bytes(tensor)));
                const double h = is_dead(tensor) ? -size : neighbourhood_seconds(tensor) / (size * staleness);
                if (h >= least) continue;
                least = h;
                victim = tensor;
            }
            if (victim == kNone) return false;
            close(victim);
        }
        return true;
    }

    // What computing it again would take, with all evicted tensors that it depends on.
    double neighbourhood_seconds(std::int32_t tensor) {
        ++mark_;
        marks_.resize(program_.ops.size());
        std::vector<std::int32_t> open_ops = {producer_[at(tensor)]};
        marks_[at(open_ops.back())] = mark_;
        double seconds = 0;
        while (!open_ops.empty()) {
            const std::int32_t op = open_ops.back();
            open_ops.pop_back();
            seconds += request_.op_seconds[at(op)];
            for (const std::int32_t read : program_.ops[at(op)].reads) {
                const std::int32_t producer = producer_[at(read)];
                if (kind(read) != LoweredKind::kResult || is_here(read) || producer == kNone ||
                    marks_[at(producer)] == mark_)
                    continue;
                marks_[at(producer)] = mark_;
                open_ops.push_back(producer);
            }
        }
        return seconds;
    }

    void free_dead() {
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(stay_.size()); ++tensor)
            if (is_dead(tensor) && can_go(tensor)) close(tensor);
    }

    static constexpr int kMaxDepth = 2000;
    static constexpr std::size_t kMaxRuns = 8;  // of an op, on average: it would thrash

    const BaselineRequest& request_;
    const LoweredProgram& program_;
    const std::uint64_t budget_;
    const std::vector<LiveRange> ranges_;
    std::vector<std::int32_t> producer_;          // by tensor: the op that writes it last
    std::vector<std::int32_t> repeatable_until_;  // by tensor
    std::vector<std::int32_t> stay_;              // by tensor: its open stay
    std::vector<double> last_access_;             // by tensor
    std::vector<int> locks_;                      // by tensor
    std::vector<TensorHome> homes_;
    std::uint64_t state_ = 0;
    std::uint64_t live_ = 0;
    std::int32_t op_ = 0;
    int depth_ = 0;
    double now_ = 0;
    std::vector<int> marks_;
    int mark_ = 0;
    Schedule schedule_;
};

}  // namespace

std::optional<Plan> plan_dtr(const BaselineRequest& request, std::uint64_t budget) {
    if (auto plan = plan_liveness_only(request, budget)) return plan;
    for (const double share : {1.0, 0.97, 0.94, 0.9, 0.86, 0.8, 0.7}) {
        const auto target = static_cast<std::uint64_t>(share * static_cast<double>(budget));
        if (auto plan = Rematerializer(request, target).run(budget)) return plan;
    }
    return std::nullopt;
}

}  // namespace tensile
