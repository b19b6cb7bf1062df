// See rolling_origins.h.
#include "models/forecast/rolling_origins.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace tensile {

std::vector<std::int64_t> rolling_origins(std::int64_t begin, std::int64_t end, std::int64_t horizon,
                                          std::int64_t most) {
    const std::int64_t places = std::max<std::int64_t>(1, end - horizon - begin + 1);
    const std::int64_t count = std::clamp<std::int64_t>(most, 1, places);
    std::vector<std::int64_t> origins;
    for (std::int64_t i = 0; i < count; ++i)
        origins.push_back(begin + (count == 1 ? 0 : i * (places - 1) / (count - 1)));
    return origins;
}

ValidationPlan validation_plan(std::int64_t steps, const SeriesSettings& settings, std::int64_t most_origins) {
    if (steps < 3)
        throw Error(sqlstate::kInvalidParameterValue,
                    "cannot learn from series of " + std::to_string(steps) + (steps == 1 ? " step" : " steps"),
                    "A forecast needs at least 3 steps: some to learn from, and one to judge by.");
    ValidationPlan plan;
    plan.steps = steps;
    const auto share = static_cast<std::int64_t>(std::ceil(settings.validation * static_cast<double>(steps)));
    const std::int64_t wanted = std::max({share, settings.horizon, std::int64_t{1}});
    plan.fit_steps = steps - std::min(wanted, std::max<std::int64_t>(steps / 2, 1));
    plan.horizon = std::min(settings.horizon, steps - plan.fit_steps);
    plan.origins = rolling_origins(plan.fit_steps, steps, plan.horizon, most_origins);
    return plan;
}

}  // namespace tensile
