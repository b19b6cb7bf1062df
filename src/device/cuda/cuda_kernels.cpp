#include "device/cuda/cuda_kernels.h"

namespace tensile {

namespace {

// Choices of more problems than a server's models have; further ones are not remembered.
constexpr std::size_t kMostChoices = 20000;

}  // namespace

CudaKernel::CudaKernel(std::shared_ptr<const CudaContext> context, const TensileOpProblem& problem, std::string text)
    : context_(std::move(context)), text_(std::move(text)) {
    info_.size = sizeof info_;
    context_->call("prepare operation \"" + std::string(problem.name) + "\"", context_->table().prepare,
                   context_->device(), &problem, &kernel_, &info_);
}

CudaKernel::~CudaKernel() {
    context_->table().kernel_release(kernel_);
}

std::shared_ptr<const CudaKernel> CudaKernels::prepare(const CudaProblem& problem) {
    const std::scoped_lock lock(mutex_);
    const auto known = kernels_.find(problem.text());
    if (known != kernels_.end())
        if (std::shared_ptr<const CudaKernel> kernel = known->second.lock()) return kernel;
    TensileOpProblem view = problem.view();
    const auto choice = choices_.find(problem.text());
    if (choice != choices_.end()) {
        view.choice = choice->second.data();
        view.choice_bytes = choice->second.size();
    }
    const auto kernel = std::make_shared<const CudaKernel>(context_, view, problem.text());
    // The plug-in passes over a choice that it cannot use.
    if (choice != choices_.end())
        choice->second = kernel->choice();
    else
        remember(problem.text(), kernel->choice());
    std::erase_if(kernels_, [](const auto& entry) { return entry.second.expired(); });
    kernels_.emplace(problem.text(), kernel);
    return kernel;
}

void CudaKernels::merge_choices(const AlgorithmChoices& choices) {
    const std::scoped_lock lock(mutex_);
    for (const auto& [problem, choice] : choices)
        remember(problem, choice);
}

void CudaKernels::remember(const std::string& problem, const std::vector<std::uint8_t>& choice) {
    if (!choice.empty() && choices_.size() < kMostChoices) choices_.emplace(problem, choice);
}

}  // namespace tensile
