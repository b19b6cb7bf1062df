// Branch and bound over what happens to each tensor over its widest gap.
#include <algorithm>
#include <string>
#include <vector>

#include "planner/baselines/draft.h"
#include "planner/baselines/fastest_plan.h"
#include "tensor/error.h"

namespace tensile {

namespace {

class Search {
  public:
    Search(const BaselineRequest& request, std::uint64_t budget, int max_gaps)
        : request_(request), budget_(budget), start_(request), best_(request) {
        std::vector<Draft::Gap> widest(request.program->tensors.size(), Draft::Gap{-1, 0, 0});
        for (const Draft::Gap& gap : start_.gaps()) {
            Draft::Gap& best = widest[static_cast<std::size_t>(gap.tensor)];
            if (best.tensor < 0 || gap.after - gap.before > best.after - best.before) best = gap;
        }
        for (const Draft::Gap& gap : widest)
            if (gap.tensor >= 0 && gap.after < start_.end()) gaps_.push_back(gap);
        if (gaps_.size() > static_cast<std::size_t>(max_gaps))
            throw InternalError(std::to_string(gaps_.size()) + " gaps are too many for an exhaustive search");
        // Later uses first: a recomputation then shifts no gap that is still to be decided.
        std::sort(gaps_.begin(), gaps_.end(), [](const Draft::Gap& a, const Draft::Gap& b) {
            return a.after != b.after ? a.after > b.after : a.tensor < b.tensor;
        });
    }

    std::optional<Plan> run() {
        branch(start_, 0);
        return best_.take();
    }

  private:
    void branch(const Draft& draft, std::size_t decided) {
        // Nothing is shorter than its ops.
        if (draft.begin_seconds(draft.end()) >= best_.seconds()) return;
        if (decided == gaps_.size()) {
            judge(draft);
            return;
        }
        Draft::Gap gap = gaps_[decided];
        // A chain before this use shifts it, or uses the tensor itself.
        for (const Draft::Use& use : draft.uses(gap.tensor)) {
            if (use.position <= gap.before) continue;
            gap.after = use.position;
            break;
        }
        branch(draft, decided + 1);
        Draft moved = draft;
        moved.swap(gap, gap.before, gap.after);
        branch(moved, decided + 1);
        if (const auto chain = draft.chain(gap, 64)) {
            Draft repeated = draft;
            repeated.recompute(gap, *chain, budget_);
            branch(repeated, decided + 1);
        }
    }

    void judge(const Draft& draft) {
        if (draft.peak() > budget_) return;
        for (const double lead : {1.0, 2.0}) {
            Draft timed = draft;
            timed.schedule_copies(budget_, lead);
            std::optional<Plan> plan = timed.place(budget_);
            if (!plan) plan = draft.place(budget_);
            if (!plan) return;
            best_.offer(*std::move(plan));
        }
    }

    const BaselineRequest& request_;
    const std::uint64_t budget_;
    const Draft start_;
    std::vector<Draft::Gap> gaps_;
    FastestPlan best_;
};

}  // namespace

std::optional<Plan> plan_optimum(const BaselineRequest& request, std::uint64_t budget, int max_gaps) {
    return Search(request, budget, max_gaps).run();
}

}  // namespace tensile
