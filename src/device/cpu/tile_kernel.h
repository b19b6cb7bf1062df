// What a CPU kernel is: a function that computes one tile of one node, and the table in which the lowering finds it by
// the op's name. A kernel sees raw buffers, the node's types and attributes, and the range of its tile; it allocates
// nothing, takes no lock and throws nothing. Knows no threads and no programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace tensile {

// One tile of one node. The views hold whole tensors; `extent` of a view is the number of its leading rows present.
// What [begin, end) counts is the kernel's business: rows of the leading dimension for row kernels, else what the phase
// says.
struct TileCall {
    std::span<const TensorView> inputs;
    std::span<const TensorView> outputs;
    const Attributes& attributes;
    std::int64_t begin;
    std::int64_t end;
    std::byte* scratch;  // of the node, shared by all tiles and phases; null when the plan asked for none

    const float* input(std::size_t index) const { return static_cast<const float*>(inputs[index].data); }
    const std::int32_t* indices(std::size_t index) const {
        return static_cast<const std::int32_t*>(inputs[index].data);
    }
    float* output(std::size_t index) const { return static_cast<float*>(outputs[index].data); }
    float scalar(std::size_t index) const { return *input(index); }
};

using TileFunction = void (*)(const TileCall&) noexcept;

// Types of a node as a plan sees them.
struct NodeTypes {
    std::span<const TensorType> inputs;
    std::span<const TensorType> outputs;
    const Attributes& attributes;
};

// One join-free part of a node's work: `items` cut into tiles of `items_per_tile`. Without a function they are the
// tiles of the node's product kernel, one an item; only a first phase may be that.
struct KernelPhase {
    TileFunction function = nullptr;
    std::int64_t items = 1;
    std::int64_t items_per_tile = 1;
};

// The work of a node that is not row-wise: phases one after another. All numbers come from shapes alone.
struct KernelPlan {
    std::vector<KernelPhase> phases;
    std::size_t scratch_bytes = 0;
};

using PlanFunction = std::function<KernelPlan(const NodeTypes&)>;

// Of a row-wise op: the function for any range of rows, and the inputs (bit i for input i) whose buffer may also be
// that of output 0 because each element is read before it is written.
struct RowKernel {
    TileFunction function = nullptr;
    unsigned in_place_inputs = 0;
};

// The plan of a matmul that sums over rows (transpose_a) and has few columns; not an op's name.
inline constexpr std::string_view kNarrowProduct = "matmul, narrow";

class KernelTable {
  public:
    void add_rows(std::string_view op, TileFunction function, unsigned in_place_inputs = 0) {
        rows_[op] = RowKernel{function, in_place_inputs};
    }
    void add_plan(std::string_view op, PlanFunction plan) { plans_[op] = std::move(plan); }

    // Null when there is none.
    const RowKernel* rows(std::string_view op) const {
        const auto found = rows_.find(op);
        return found == rows_.end() ? nullptr : &found->second;
    }
    const PlanFunction* plan(std::string_view op) const {
        const auto found = plans_.find(op);
        return found == plans_.end() ? nullptr : &found->second;
    }

  private:
    std::map<std::string_view, RowKernel> rows_;  // names are string literals
    std::map<std::string_view, PlanFunction> plans_;
};

// Every kernel of the CPU, for the best instruction set of this machine.
KernelTable make_kernel_table();
// "AVX-512", "AVX2", "SSE4.1" or "scalar": what make_kernel_table() chose.
std::string_view kernel_instruction_set();

}  // namespace tensile
