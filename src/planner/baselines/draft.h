// A schedule under construction, as all baselines edit it: it begins with every tensor kept for its whole life and is
// changed by moving tensors to the host over a gap between two uses, or by computing them again. Positions are those of
// the current sequence and shift when a recomputation is inserted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "planner/baselines/baselines.h"
#include "planner/schedule.h"

namespace tensile {

class Draft {
  public:
    explicit Draft(const BaselineRequest& request);

    struct Use {
        std::int32_t position = 0;
        bool writes = false;
    };
    // Two neighbouring uses of a tensor in one of its stays; before the first use of an input: kBeforeFirst.
    struct Gap {
        std::int32_t tensor = 0;
        std::int32_t before = 0;
        std::int32_t after = 0;
    };

    const BaselineRequest& request() const { return *request_; }
    const LoweredProgram& program() const { return *request_->program; }
    std::int32_t end() const { return static_cast<std::int32_t>(schedule_sequence_.size()); }
    const std::vector<Use>& uses(std::int32_t tensor) const { return uses_[at(tensor)]; }
    const std::vector<Stay>& stays(std::int32_t tensor) const { return stays_[at(tensor)]; }
    std::uint64_t bytes(std::int32_t tensor) const;
    bool is_variable(std::int32_t tensor) const;
    // Of a position's begin, as if nothing ever waited; of end(): the whole time.
    double begin_seconds(std::int32_t position) const { return begin_seconds_[at(position)]; }
    // The position that runs at this time.
    std::int32_t position_at(double seconds) const;

    // Bytes at each position, counting from kBeforeFirst to end().
    std::vector<std::uint64_t> profile() const;
    std::uint64_t peak() const;
    std::int32_t peak_position() const;
    // Of tensors that are neither variables nor outside.
    std::vector<Gap> gaps() const;
    static bool is_over(const Gap& gap, std::int32_t position) { return gap.before < position && position < gap.after; }
    bool host_copy_is_valid(const Gap& gap) const;

    // The tensor leaves behind its use `before`, its bytes are kept to `out_last`, and are taken again from `in_first`.
    void swap(const Gap& gap, std::int32_t out_last, std::int32_t in_first);
    // The variable is away between executions.
    void send_home(std::int32_t variable, std::int32_t in_first, std::int32_t out_last);
    // Ops that compute the tensor of the gap again for its use `after`, in order; nothing when that is impossible.
    std::optional<std::vector<std::int32_t>> chain(const Gap& gap, std::size_t max_ops) const;
    // No chain for the gap takes less.
    double least_chain_seconds(const Gap& gap) const;
    double seconds_of(const std::vector<std::int32_t>& ops) const;
    // What the chain computes on its way and a later chain computes again is kept until then, where it fits `budget`
    // (Capuchin's collective recomputation).
    void recompute(const Gap& gap, const std::vector<std::int32_t>& chain, std::uint64_t budget);

    // Keeps bytes until their copy out is expected to be over, and takes bytes for copies in `lead` times their copy
    // time before the use, as far as the profile stays within `budget`.
    void schedule_copies(std::uint64_t budget, double lead);

    std::optional<Plan> place(std::uint64_t limit) const;

  private:
    static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
    void rebuild();
    Stay* stay_over(std::int32_t tensor, std::int32_t position);
    bool is_available(std::int32_t tensor, std::int32_t position) const;
    bool can_repeat(std::int32_t op, std::int32_t position) const;
    bool add_to_chain(std::int32_t tensor, std::int32_t position, std::size_t max_ops,
                      std::vector<std::int32_t>& ops) const;
    void insert(std::int32_t op, std::int32_t position);
    void erase(std::int32_t position);
    void keep_for_later(std::int32_t tensor, std::int32_t position, std::uint64_t budget);

    const BaselineRequest* request_;
    std::vector<std::int32_t> schedule_sequence_;
    std::vector<std::vector<Stay>> stays_;            // by tensor
    std::vector<std::vector<Use>> uses_;              // by tensor
    std::vector<double> begin_seconds_;               // by position, and of the end
    std::vector<std::int32_t> producer_;              // by tensor: the only op that writes it, or -1
    std::vector<std::vector<std::int32_t>> writers_;  // by tensor
    std::vector<std::int32_t> first_run_;             // by op: position
    std::vector<bool> is_home_host_;                  // by tensor
    // Recomputations at [first, last] for one tensor; not `alone` when others use what it computes.
    struct Chain {
        std::int32_t tensor = 0;
        std::int32_t first = 0;
        std::int32_t last = 0;
        bool alone = true;
    };
    std::vector<Chain> chains_;
};

// Tries `make` with smaller and smaller numbers of bytes until its draft can be placed within `budget`, because a
// placement may need more than the sum of what is live. `make` gives nothing when it cannot get below its argument.
template <typename Make>
std::optional<Plan> place_within(std::uint64_t budget, Make make) {
    for (const double share : {1.0, 0.97, 0.94, 0.9, 0.86, 0.8, 0.7}) {
        const std::optional<Draft> draft = make(static_cast<std::uint64_t>(share * static_cast<double>(budget)));
        if (!draft) return std::nullopt;
        if (std::optional<Plan> plan = draft->place(budget)) return plan;
    }
    return std::nullopt;
}

}  // namespace tensile
