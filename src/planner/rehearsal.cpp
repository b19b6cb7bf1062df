// The rehearsal of a program; see rehearsal.h.
#include "planner/rehearsal.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "planner/recomputation.h"

namespace tensile {

namespace {

constexpr double kNeverWorth = std::numeric_limits<double>::infinity();

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

class Stage {
  public:
    Stage(const AccessSequence& accesses, const LinkModel& link, const RehearsalRules& rules)
        : accesses_(accesses),
          program_(accesses.program()),
          link_(link),
          rules_(rules),
          states_(program_.tensors.size()),
          index_here_(program_.tensors.size(), kNone),
          chains_(accesses) {
        measure_pressure();
    }

    std::optional<Rehearsal> rehearse() {
        begin();
        for (position_ = 0; position_ < accesses_.end(); ++position_)
            if (!perform(accesses_.op_at(position_))) return std::nullopt;
        if (!finish()) return std::nullopt;
        return std::move(result_);
    }

  private:
    static constexpr std::int32_t kNone = -1;
    // By staleness everything that is there is weighed for each eviction. Where chains are long, as in recurrent
    // networks, that takes far too long: a rehearsal is given up after so many looks for each op.
    static constexpr std::size_t kMostLooks = 200;

    struct State {
        Whereabouts where = Whereabouts::kNowhere;
        bool host_is_valid = false;
        std::int32_t pins = 0;
        std::int32_t stay = kNone;
        std::uint32_t cursor = 0;   // into the tensor's uses: the next one
        std::uint32_t version = 0;  // of its entry among the candidates
        std::int32_t last_use = AccessSequence::kBeforeFirst;
        double written_at = 0;  // seconds of the rehearsal
        double used_at = 0;     // also by what was computed again
    };

    struct Candidate {
        double score;
        std::int32_t tensor;
        std::uint32_t version;
        bool operator>(const Candidate& other) const {
            return score != other.score ? score > other.score : tensor > other.tensor;
        }
    };

    State& state(std::int32_t tensor) { return states_[at(tensor)]; }
    std::int32_t now() const { return static_cast<std::int32_t>(result_.schedule.sequence.size()); }
    const LoweredTensor& described(std::int32_t tensor) const { return program_.tensors[at(tensor)]; }

    // A home is no larger than its variable; only where that is a whole number of copy units can it be copied.
    bool may_leave(std::int32_t tensor) const {
        if (!accesses_.is_resident(tensor)) return true;
        return rules_.moves_residents && described(tensor).bytes % kCopyAlignment == 0 &&
               accesses_.homes()[at(tensor)].offset % kCopyAlignment == 0;
    }
    bool may_be_copied(std::int32_t tensor) const {
        return described(tensor).kind != LoweredKind::kScratch && may_leave(tensor) &&
               described(tensor).bytes >= rules_.smallest_copied;
    }
    std::uint64_t bytes_of(std::int32_t tensor) const {
        const bool copied = may_be_copied(tensor) || accesses_.is_away(tensor);
        return aligned_size(described(tensor).bytes, copied ? kCopyAlignment : kTensorAlignment);
    }

    // Seconds with more live bytes than the limit, if nothing moved, before each position.
    void measure_pressure() {
        const std::vector<std::uint64_t> live = accesses_.live_bytes();
        pressure_.reserve(live.size());
        double sum = 0;
        for (std::int32_t position = 0; position <= accesses_.end(); ++position) {
            pressure_.push_back(sum);
            if (position == accesses_.end()) break;
            const double seconds = accesses_.begin_of(position + 1) - accesses_.begin_of(position);
            // A little of all time counts: the lesser evil where no relief is left to be had.
            sum += seconds * (live[at(position + 1)] > rules_.limit_bytes ? 1.0 : 1e-3) + 1e-12;
        }
    }

    void begin() {
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(states_.size()); ++tensor) {
            if (!accesses_.is_placed(tensor)) continue;
            State& current = state(tensor);
            const std::span<const std::int32_t> uses = accesses_.uses_of(tensor);
            if (accesses_.is_away(tensor)) {
                current.where = Whereabouts::kOnHost;
                current.host_is_valid = true;
            } else if (!uses.empty() && uses[0] == AccessSequence::kBeforeFirst) {
                open(tensor, false);
                result_.schedule.stays.back().first = Stay::kBeforeFirst;
                current.cursor = 1;
            }
        }
        for (const std::int32_t tensor : std::vector<std::int32_t>(here_))
            if (is_needed(tensor))
                offer(tensor);
            else
                close(tensor);
        if (rules_.exclusive_above == 0) clear_stage();
    }

    bool perform(std::int32_t op) {
        const bool exclusive = is_exclusive(op);
        if (exclusive) clear_stage(op);
        const std::uint64_t limit = exclusive ? rules_.exclusive_bytes : rules_.limit_bytes;
        const std::span<const OpTensor> tensors = accesses_.tensors_of(op);
        // What is here must not leave for what is not.
        for (const OpTensor& used : tensors)
            ++state(used.tensor).pins;
        for (const OpTensor& used : tensors)
            if (used.reads && !fetch(used.tensor, limit)) return false;
        for (const OpTensor& used : tensors) {
            if (state(used.tensor).where == Whereabouts::kHere) continue;
            if (!make_room(bytes_of(used.tensor), limit)) return false;
            open(used.tensor, false);
        }
        run(op, exclusive);
        for (const OpTensor& used : tensors) {
            State& current = state(used.tensor);
            --current.pins;
            current.last_use = position_;
            current.used_at = accesses_.begin_of(position_ + 1) + recompute_seconds_;
            ++current.cursor;
            if (used.writes) {
                current.host_is_valid = false;
                current.written_at = clock();
            }
            settle(used.tensor);
        }
        if (exclusive) clear_stage();
        return true;
    }

    // Outputs must be there at the end; what is dirty and away between programs leaves.
    bool finish() {
        if (rules_.exclusive_above == 0) clear_stage();
        std::vector<std::int32_t> outputs;
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(states_.size()); ++tensor) {
            const std::span<const std::int32_t> uses = accesses_.uses_of(tensor);
            if (uses.empty() || uses.back() != accesses_.end()) continue;
            outputs.push_back(tensor);
            ++state(tensor).pins;
        }
        const std::uint64_t limit = rules_.exclusive_above == kUnlimited ? rules_.limit_bytes : rules_.exclusive_bytes;
        for (const std::int32_t tensor : outputs)
            if (!fetch(tensor, limit)) return false;
        for (const std::int32_t tensor : here_) {
            Stay& stay = result_.schedule.stays[at(state(tensor).stay)];
            stay.last = now();
            stay.copied_out = stay.copied_out || (accesses_.is_away(tensor) && !state(tensor).host_is_valid);
        }
        return true;
    }

    double clock() const { return accesses_.begin_of(position_) + recompute_seconds_; }

    bool is_exclusive(std::int32_t op) const {
        return rules_.exclusive_above != kUnlimited && exclusive_need(accesses_, op) > rules_.exclusive_above;
    }

    // Makes sure that the content of a pinned tensor is here.
    bool fetch(std::int32_t tensor, std::uint64_t limit) {
        State& current = state(tensor);
        switch (current.where) {
        case Whereabouts::kHere:
            return true;
        case Whereabouts::kOnHost:
            if (!make_room(bytes_of(tensor), limit)) return false;
            open(tensor, true);
            return true;
        case Whereabouts::kDropped:
            return rerun(accesses_.only_writer(tensor));
        case Whereabouts::kNowhere:
            break;
        }
        return false;
    }

    // The depth of recursion is bounded by Recomputation::kDeepest.
    bool rerun(std::int32_t op) {
        const std::span<const OpTensor> tensors = accesses_.tensors_of(op);
        for (const OpTensor& used : tensors)
            ++state(used.tensor).pins;
        for (const OpTensor& used : tensors)
            if (used.reads && !fetch(used.tensor, rules_.limit_bytes)) return false;
        for (const OpTensor& used : tensors) {
            State& current = state(used.tensor);
            if (current.where == Whereabouts::kHere) continue;
            if (!make_room(bytes_of(used.tensor), rules_.limit_bytes)) return false;
            const bool was_dropped = current.where == Whereabouts::kDropped;
            open(used.tensor, false);
            if (was_dropped) give_up_sources(op);
        }
        recompute_seconds_ += accesses_.op_seconds(op);
        run(op, false);
        for (const OpTensor& used : tensors) {
            --state(used.tensor).pins;
            state(used.tensor).used_at = clock();
            settle(used.tensor);
        }
        return true;
    }

    void run(std::int32_t op, bool exclusive) {
        result_.schedule.sequence.push_back(op);
        result_.is_exclusive.push_back(exclusive);
    }

    bool is_needed(std::int32_t tensor) {
        const State& current = state(tensor);
        return current.cursor < accesses_.uses_of(tensor).size() || chains_.is_retained(tensor) ||
               (accesses_.is_away(tensor) && !current.host_is_valid);
    }

    std::int32_t next_need(std::int32_t tensor) {
        const std::span<const std::int32_t> uses = accesses_.uses_of(tensor);
        const State& current = state(tensor);
        const std::int32_t own = current.cursor < uses.size() ? uses[current.cursor] : AccessSequence::kNever;
        return std::min(own, chains_.retained_for(tensor));
    }

    // After a use: to be closed or to be offered.
    void settle(std::int32_t tensor) {
        if (state(tensor).where != Whereabouts::kHere || state(tensor).pins > 0) return;
        if (is_needed(tensor))
            offer(tensor);
        else
            close(tensor);
    }

    void open(std::int32_t tensor, bool copied_in) {
        State& current = state(tensor);
        current.where = Whereabouts::kHere;
        current.stay = static_cast<std::int32_t>(result_.schedule.stays.size());
        result_.schedule.stays.push_back({tensor, now(), now(), copied_in, false});
        used_bytes_ += bytes_of(tensor);
        index_here_[at(tensor)] = static_cast<std::int32_t>(here_.size());
        here_.push_back(tensor);
    }

    // Its last position is the one that ran last.
    void leave(std::int32_t tensor, Whereabouts to) {
        State& current = state(tensor);
        result_.schedule.stays[at(current.stay)].last = now() - 1;
        current.where = to;
        current.stay = kNone;
        ++current.version;
        used_bytes_ -= bytes_of(tensor);
        const std::int32_t index = index_here_[at(tensor)];
        here_[at(index)] = here_.back();
        index_here_[at(here_.back())] = index;
        here_.pop_back();
        index_here_[at(tensor)] = kNone;
    }

    void close(std::int32_t tensor) {
        leave(tensor, accesses_.is_away(tensor) ? Whereabouts::kOnHost : Whereabouts::kNowhere);
    }

    // The op's dropped result is back: what was retained for it is needed no longer.
    void give_up_sources(std::int32_t op) {
        for (const OpTensor& used : accesses_.tensors_of(op)) {
            if (!used.reads) continue;
            chains_.release(used.tensor);
            if (is_needed(used.tensor)) continue;
            if (state(used.tensor).where == Whereabouts::kDropped) {
                state(used.tensor).where = Whereabouts::kNowhere;
                give_up_sources(accesses_.only_writer(used.tensor));
            } else if (state(used.tensor).where == Whereabouts::kHere && state(used.tensor).pins == 0) {
                close(used.tensor);
            }
        }
    }

    // Retains what a dropped tensor's op reads; what is gone already will be computed again.
    void retain_sources(std::int32_t tensor, std::int32_t until, std::int32_t height) {
        for (const OpTensor& used : accesses_.tensors_of(accesses_.only_writer(tensor))) {
            if (!used.reads) continue;
            chains_.retain(used.tensor, until, height + 1);
            if (state(used.tensor).where != Whereabouts::kNowhere) continue;
            state(used.tensor).where = Whereabouts::kDropped;
            retain_sources(used.tensor, until, height + 1);
        }
    }

    double copy_seconds(std::int32_t tensor) {
        const std::uint64_t bytes = described(tensor).bytes;
        const State& current = state(tensor);
        return (current.host_is_valid ? 0 : link_.out_seconds(bytes)) + link_.in_seconds(bytes);
    }

    double chain_seconds(std::int32_t tensor, double bound) {
        if (!rules_.recomputes) return kNeverWorth;
        const auto whereabouts = [&](std::int32_t other) { return state(other).where; };
        return chains_.seconds(tensor, next_need(tensor), bound, whereabouts, [&](std::int32_t op) {
            return rules_.exclusive_above == kUnlimited || !is_exclusive(op);
        });
    }

    double relief(std::int32_t tensor) {
        const std::int32_t need = std::min(next_need(tensor), accesses_.end());
        const std::int32_t last = std::max(state(tensor).last_use, 0);
        double seconds = 0;
        switch (rules_.relief) {
        case Relief::kPressure:
            seconds = pressure_[at(need)] - pressure_[at(last)];
            break;
        case Relief::kNextUse:
            seconds = accesses_.begin_of(need) - accesses_.begin_of(last);
            break;
        case Relief::kStaleness:
            seconds = clock() - state(tensor).used_at;
            break;
        }
        return static_cast<double>(bytes_of(tensor)) * std::max(seconds, 1e-12);
    }

    double swap_cost(std::int32_t tensor) {
        if (!may_be_copied(tensor) && !(accesses_.is_away(tensor))) return kNeverWorth;
        // An updated variable without further use leaves in any case.
        if (next_need(tensor) == AccessSequence::kNever) return 0;
        return rules_.copy_price * copy_seconds(tensor);
    }

    // No less than this can it cost that the tensor leaves: the seconds of its chain may turn out greater than those of
    // its last op.
    double least_cost(std::int32_t tensor, double swap) const {
        const std::int32_t writer = accesses_.only_writer(tensor);
        if (!rules_.recomputes || writer < 0 || !accesses_.may_rerun(writer)) return swap;
        return std::min(swap, accesses_.op_seconds(writer));
    }

    void offer(std::int32_t tensor) {
        if (!may_leave(tensor) || rules_.relief == Relief::kStaleness) return;
        const double cost = least_cost(tensor, swap_cost(tensor));
        if (cost == kNeverWorth) return;
        candidates_.push({cost / relief(tensor), tensor, ++state(tensor).version});
    }

    bool make_room(std::uint64_t bytes, std::uint64_t limit) {
        while (used_bytes_ + bytes > limit) {
            if (rules_.relief == Relief::kStaleness) {
                if (!evict_stalest()) return false;
                continue;
            }
            if (candidates_.empty()) return false;
            const Candidate best = candidates_.top();
            candidates_.pop();
            State& current = state(best.tensor);
            if (current.version != best.version || current.where != Whereabouts::kHere || current.pins > 0) continue;
            const double swap = swap_cost(best.tensor);
            const double chain = chain_seconds(best.tensor, swap + exposed_seconds(best.tensor));
            const double cost = std::min(swap, chain);
            if (cost == kNeverWorth) continue;
            const double score = cost / relief(best.tensor);
            if (score > best.score * 1.000001) {
                candidates_.push({score, best.tensor, best.version});
                continue;
            }
            evict(best.tensor, chain);
        }
        return true;
    }

    // Staleness grows with time, which no queue of candidates can follow.
    bool evict_stalest() {
        if (chains_.looks() > kMostLooks * program_.ops.size()) return false;
        std::int32_t stalest = kNone;
        double least = kNeverWorth;
        double chain_of_least = kNeverWorth;
        for (const std::int32_t tensor : here_) {
            if (state(tensor).pins > 0 || !may_leave(tensor)) continue;
            const double swap = swap_cost(tensor);
            const double worth = relief(tensor);
            if (least_cost(tensor, swap) > least * worth) continue;
            const double chain = chain_seconds(tensor, std::min(swap + exposed_seconds(tensor), least * worth));
            const double score = std::min(swap, chain) / worth;
            if (score > least || score == kNeverWorth || (score == least && tensor > stalest)) continue;
            least = score;
            chain_of_least = chain;
            stalest = tensor;
        }
        if (stalest == kNone) return false;
        evict(stalest, chain_of_least);
        return true;
    }

    // What would be waited for if the bytes were needed now.
    double exposed_seconds(std::int32_t tensor) {
        const State& current = state(tensor);
        if (current.host_is_valid) return 0;
        const double begin = std::max(out_is_free_, current.written_at);
        return std::max(0.0, begin + link_.out_seconds(described(tensor).bytes) - clock());
    }

    void evict(std::int32_t tensor, double chain) {
        if (chain < swap_cost(tensor) + exposed_seconds(tensor)) {
            const std::int32_t until = next_need(tensor);
            leave(tensor, Whereabouts::kDropped);
            retain_sources(tensor, until, chains_.height(tensor));
        } else {
            copy_out(tensor);
        }
    }

    void copy_out(std::int32_t tensor) {
        State& current = state(tensor);
        if (!current.host_is_valid) {
            result_.schedule.stays[at(current.stay)].copied_out = true;
            out_is_free_ = std::max(out_is_free_, current.written_at) + link_.out_seconds(described(tensor).bytes);
            current.host_is_valid = true;
        }
        leave(tensor, Whereabouts::kOnHost);
    }

    // Everything leaves that can, except content that only the op will read at its own position.
    void clear_stage(std::int32_t op = kNone) {
        for (const std::int32_t tensor : std::vector<std::int32_t>(here_)) {
            if (accesses_.is_resident(tensor)) continue;
            bool overwritten = false;
            if (op != kNone)
                for (const OpTensor& used : accesses_.tensors_of(op))
                    overwritten = overwritten || (used.tensor == tensor && !used.reads);
            if (overwritten)
                leave(tensor, Whereabouts::kNowhere);
            else
                copy_out(tensor);
        }
    }

    const AccessSequence& accesses_;
    const LoweredProgram& program_;
    const LinkModel& link_;
    const RehearsalRules& rules_;
    std::vector<State> states_;
    std::vector<std::int32_t> here_;        // tensors that are in the extent
    std::vector<std::int32_t> index_here_;  // by tensor
    Recomputation chains_;
    std::vector<double> pressure_;
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates_;
    Rehearsal result_;
    std::uint64_t used_bytes_ = 0;
    std::int32_t position_ = 0;  // of the access sequence
    double recompute_seconds_ = 0;
    double out_is_free_ = 0;  // when the copies out chosen so far are done
};

}  // namespace

std::optional<Rehearsal> rehearse(const AccessSequence& accesses, const LinkModel& link, const RehearsalRules& rules) {
    return Stage(accesses, link, rules).rehearse();
}

std::uint64_t exclusive_need(const AccessSequence& accesses, std::int32_t op) {
    std::uint64_t bytes = 0;
    for (const OpTensor& used : accesses.tensors_of(op)) {
        if (accesses.is_resident(used.tensor)) continue;
        const LoweredTensor& tensor = accesses.program().tensors[at(used.tensor)];
        bytes += aligned_size(tensor.bytes, tensor.kind == LoweredKind::kScratch ? kTensorAlignment : kCopyAlignment);
    }
    return bytes;
}

std::uint64_t smallest_limit(const AccessSequence& accesses) {
    std::uint64_t given = 0;
    std::uint64_t kept = 0;
    std::uint64_t resident = 0;
    for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(accesses.program().tensors.size()); ++tensor) {
        const std::span<const std::int32_t> uses = accesses.uses_of(tensor);
        if (uses.empty()) continue;
        const std::uint64_t bytes = accesses.program().tensors[at(tensor)].bytes;
        if (accesses.is_resident(tensor)) {
            resident += aligned_size(bytes);
            continue;
        }
        if (uses.front() == AccessSequence::kBeforeFirst) given += aligned_size(bytes, kCopyAlignment);
        if (uses.back() == accesses.end()) kept += aligned_size(bytes, kCopyAlignment);
    }
    std::uint64_t most = std::max(given, kept);
    for (std::int32_t position = 0; position < accesses.end(); ++position)
        most = std::max(most, exclusive_need(accesses, accesses.op_at(position)));
    return most + resident;
}

}  // namespace tensile
