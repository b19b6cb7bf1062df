// An op of the fake plug-in: its reference kernel run on the bytes behind device addresses. Nothing but the table's
// problem is known of it, as in the real plug-in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "device/cuda/plugin_abi.h"
#include "graph/op.h"

namespace tensile::testing {

class FakeKernel {
  public:
    // Throws InternalError when no op has that name.
    FakeKernel(const TensileOpProblem& problem, std::uint64_t scratch_bytes);

    const Op& op() const { return *op_; }
    const std::vector<TensorType>& inputs() const { return inputs_; }
    const std::vector<TensorType>& outputs() const { return outputs_; }
    // The input that an output is an alias of; -1: none.
    int alias_of(std::size_t output) const { return alias_of_[output]; }
    OpCost cost() const { return op_->cost(inputs_, outputs_, attributes_); }
    std::uint64_t scratch_bytes() const { return scratch_bytes_; }
    // Every input of output 0's size: results are written when everything has been read.
    std::uint64_t overwritable_inputs() const;

    // `inputs`, `outputs`: readable addresses. Writes rubbish into the scratch and the absent rows of the outputs.
    void run(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs, std::byte* scratch,
             std::span<const std::int64_t> extents) const;
    // Extents that a launch must bring.
    std::size_t extent_count() const;

  private:
    const Op* op_;
    Attributes attributes_;
    std::vector<TensorType> inputs_;
    std::vector<TensorType> outputs_;
    std::vector<int> alias_of_;
    std::uint64_t scratch_bytes_;
    bool rounds_operands_ = false;
};

}  // namespace tensile::testing
