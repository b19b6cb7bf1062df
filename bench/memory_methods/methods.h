// What is compared: the planner and the published methods, behind one call each. Knows no workload.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "planner/baselines/baselines.h"
#include "planner/job_planner.h"

namespace tensile::bench {

// A program as a job of its own.
class SingleJob {
  public:
    explicit SingleJob(const BaselineRequest& of);
    JobRequest request() const { return {{&task_, 1}, variable_bytes_, link_}; }

  private:
    ProgramTask task_;
    std::vector<std::uint64_t> variable_bytes_;
    LinkModel link_;
};

std::optional<Plan> plan_ours(const BaselineRequest& request, std::uint64_t budget);

struct Method {
    std::string_view name;
    std::function<std::optional<Plan>(const BaselineRequest&, std::uint64_t)> plan;
    bool knows_link = true;  // otherwise its plan is the same for every link
};

const std::vector<Method>& methods();

// Larger than any program.
inline constexpr std::uint64_t kAmple = std::uint64_t{1} << 50;

// Extent that liveness alone needs: 100 % of every budget.
std::uint64_t liveness_bytes(const BaselineRequest& request);

}  // namespace tensile::bench
