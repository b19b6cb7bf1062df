#include "memory_methods/methods.h"

namespace tensile::bench {

SingleJob::SingleJob(const BaselineRequest& of) : link_(of.link) {
    task_.program = of.program;
    for (const LoweredTensor& tensor : of.program->tensors) {
        const bool is_variable = tensor.kind == LoweredKind::kVariable;
        task_.variables.push_back(is_variable ? static_cast<std::int32_t>(variable_bytes_.size()) : -1);
        if (is_variable) variable_bytes_.push_back(tensor.bytes);
    }
    task_.op_seconds.assign(of.op_seconds.begin(), of.op_seconds.end());
}

std::optional<Plan> plan_ours(const BaselineRequest& request, std::uint64_t budget) {
    const SingleJob job(request);
    auto planned = plan_job(job.request(), budget);
    if (!planned) return std::nullopt;
    return std::move(planned->plans[0]);
}

const std::vector<Method>& methods() {
    static const std::vector<Method> all = {
        {"planner", plan_ours},
        {"liveness", plan_liveness_only, false},
        {"vdnn",
         [](const auto& request, std::uint64_t budget) { return plan_vdnn(request, budget, VdnnVariant::kDynamic); }},
        {"capuchin", plan_capuchin},
        {"tensile-published",
         [](const auto& request, std::uint64_t budget) { return plan_tensile_published(request, budget, false); }},
        {"tensile-budget",
         [](const auto& request, std::uint64_t budget) { return plan_tensile_published(request, budget, true); }},
        {"dtr", plan_dtr, false}};
    return all;
}

std::uint64_t liveness_bytes(const BaselineRequest& request) {
    return plan_liveness_only(request, kAmple)->extent_bytes;
}

}  // namespace tensile::bench
