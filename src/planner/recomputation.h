// Chains of ops that would have to run again to bring dropped tensors back: what they cost, whether they still find
// the content they read, and what must be retained for them. Knows neither budgets nor links.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "planner/access_sequence.h"

namespace tensile {

enum class Whereabouts : std::uint8_t {
    kNowhere,  // not yet written, or not needed any more
    kHere,     // in the extent
    kOnHost,   // only the host has a copy
    kDropped,  // needed again; its op will run again
};

class Recomputation {
  public:
    // So many runs may depend on one another: bounds recursion, and chains that grow from both ends.
    static constexpr std::int32_t kDeepest = 48;

    explicit Recomputation(const AccessSequence& accesses)
        : accesses_(accesses), retained_(accesses.program().tensors.size()), visited_(accesses.program().ops.size()) {}

    bool is_retained(std::int32_t tensor) const { return of(tensor).count > 0; }
    // The last position for which it may be; kNever.
    std::int32_t retained_for(std::int32_t tensor) const { return of(tensor).until; }
    // Runs that depend on the tensor one after another.
    std::int32_t height(std::int32_t tensor) const { return of(tensor).height; }

    // Runs that were looked at in all chains so far: what seconds() costs.
    std::size_t looks() const { return looks_; }

    void retain(std::int32_t tensor, std::int32_t until, std::int32_t height) {
        Retained& entry = retained_[static_cast<std::size_t>(tensor)];
        ++entry.count;
        entry.until = entry.count == 1 ? until : std::max(entry.until, until);
        entry.height = std::max(entry.height, height);
    }
    void release(std::int32_t tensor) {
        Retained& entry = retained_[static_cast<std::size_t>(tensor)];
        if (--entry.count == 0) entry = {};
    }

    // Seconds of all runs that bring the tensor back at `position`; infinity when that is impossible, too deep, or
    // takes longer than `bound`. `whereabouts` tells of each tensor where it is, `may_run` of each op whether it may
    // run again.
    template <typename WhereaboutsOf, typename MayRun>
    double seconds(std::int32_t tensor, std::int32_t position, double bound, const WhereaboutsOf& whereabouts,
                   const MayRun& may_run) {
        ++visit_;
        bound_ = bound;
        sum_ = 0;
        if (!add(tensor, position, height(tensor) + 1, whereabouts, may_run))
            return std::numeric_limits<double>::infinity();
        return sum_;
    }

  private:
    struct Retained {
        std::int32_t count = 0;  // dropped tensors whose ops read it
        std::int32_t until = AccessSequence::kNever;
        std::int32_t height = 0;
    };

    const Retained& of(std::int32_t tensor) const { return retained_[static_cast<std::size_t>(tensor)]; }

    template <typename WhereaboutsOf, typename MayRun>
    bool add(std::int32_t tensor, std::int32_t position, std::int32_t depth, const WhereaboutsOf& whereabouts,
             const MayRun& may_run) {
        const std::int32_t op = accesses_.only_writer(tensor);
        if (op < 0 || depth > kDeepest || !accesses_.may_rerun(op) || !may_run(op)) return false;
        if (visited_[static_cast<std::size_t>(op)] == visit_) return true;
        visited_[static_cast<std::size_t>(op)] = visit_;
        ++looks_;
        sum_ += accesses_.op_seconds(op);
        if (sum_ > bound_) return false;
        for (const std::int32_t source : accesses_.program().ops[static_cast<std::size_t>(op)].reads) {
            if (accesses_.program().tensors[static_cast<std::size_t>(source)].kind == LoweredKind::kScratch) continue;
            if (accesses_.next_write(source, accesses_.position_of(op)) < position) return false;
            if (!accesses_.is_placed(source)) continue;
            const Whereabouts where = whereabouts(source);
            if (where == Whereabouts::kHere || where == Whereabouts::kOnHost) continue;
            if (!add(source, position, depth + 1, whereabouts, may_run)) return false;
        }
        return true;
    }

    const AccessSequence& accesses_;
    std::vector<Retained> retained_;      // by tensor
    std::vector<std::uint32_t> visited_;  // by op
    std::uint32_t visit_ = 0;
    double bound_ = 0;
    double sum_ = 0;
    std::size_t looks_ = 0;
};

}  // namespace tensile
