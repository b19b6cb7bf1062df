// Prepared kernels of the CUDA plug-in, one for each problem however many ops of however many programs have it, and the
// algorithm that was chosen for each: kept for as long as the device, so that a problem gets the same bits when it is
// prepared again. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/cuda/cuda_context.h"
#include "device/cuda/cuda_problem.h"

namespace tensile {

// A kernel of the plug-in, released with the object.
class CudaKernel {
  public:
    // `text`: that of the problem.
    CudaKernel(std::shared_ptr<const CudaContext> context, const TensileOpProblem& problem, std::string text);
    ~CudaKernel();
    CudaKernel(const CudaKernel&) = delete;
    CudaKernel& operator=(const CudaKernel&) = delete;

    TensileKernel* get() const { return kernel_; }
    const std::string& problem() const { return text_; }
    std::uint64_t scratch_bytes() const { return info_.scratch_bytes; }
    // Whether output 0 may lie in the buffer of that input.
    bool may_overwrite(std::size_t input) const { return input < 64 && (info_.overwritable_inputs >> input & 1) != 0; }
    std::vector<std::uint8_t> choice() const { return {info_.choice, info_.choice + info_.choice_bytes}; }

  private:
    std::shared_ptr<const CudaContext> context_;
    std::string text_;
    TensileKernel* kernel_ = nullptr;
    TensileKernelInfo info_{};
};

class CudaKernels {
  public:
    explicit CudaKernels(std::shared_ptr<const CudaContext> context) : context_(std::move(context)) {}

    // The kernel of that problem, made when no program has it. Throws Error 0A000 when the plug-in knows none.
    std::shared_ptr<const CudaKernel> prepare(const CudaProblem& problem);

    // Adds choices for problems that none has been made for.
    void merge_choices(const AlgorithmChoices& choices);

  private:
    void remember(const std::string& problem, const std::vector<std::uint8_t>& choice);

    std::shared_ptr<const CudaContext> context_;
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<const CudaKernel>> kernels_;
    AlgorithmChoices choices_;
};

}  // namespace tensile
