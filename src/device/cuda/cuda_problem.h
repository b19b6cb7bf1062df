// One op as the CUDA plug-in is asked about it, and as text: two ops of the same text run the same kernel.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "device/cuda/plugin_abi.h"
#include "device/device.h"
#include "graph/op.h"
#include "tensor/tensor_type.h"

namespace tensile {

class CudaProblem {
  public:
    // `op` and `attributes` outlive the object.
    CudaProblem(const Op& op, const Attributes& attributes, std::span<const TensorType> inputs,
                std::span<const TensorType> outputs, const LoweringOptions& options);
    CudaProblem(const CudaProblem&) = delete;
    CudaProblem& operator=(const CudaProblem&) = delete;

    // "matmul(f32[256?0, 64], f32[64, 8]) -> f32[256?0, 8] {transpose_a=0, transpose_b=0} float32"
    const std::string& text() const { return text_; }
    // Valid as long as this object; without a choice.
    const TensileOpProblem& view() const { return view_; }

  private:
    std::string name_;
    std::vector<TensileTensorType> inputs_;
    std::vector<TensileTensorType> outputs_;
    std::vector<TensileAttribute> attributes_;
    TensileOpProblem view_{};
    std::string text_;
};

}  // namespace tensile
