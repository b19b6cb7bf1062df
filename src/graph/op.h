// What an op is: its name, shape rule, cost, row pattern, aliases, gradient and reference kernels.
//
// One file in src/graph/ops/ defines one op (or an op and its own gradient op) as a stateless class derived from
// OpBase, and declares in the matching header the function that adds it to a program. Reference kernels are plain loops
// in float and double: the truth that device kernels and gradients are checked against. Ops know no device and no
// memory.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/attributes.h"
#include "tensor/tensor_type.h"

namespace tensile {

class ProgramBuilder;

// Index of a value inside one program.
struct ValueId {
    std::int32_t index = -1;
    bool valid() const { return index >= 0; }
    bool operator==(const ValueId&) const = default;
};

// A row-sparse value: `indices` i32 [n] names the table row that row i of `rows` [n, width] belongs to; -1 marks a slot
// that holds nothing. Indices may repeat until merge_rows has run.
struct SparseRows {
    ValueId rows;
    ValueId indices;
    std::int64_t table_rows = 0;
};

// How output rows depend on input rows; tells a device which ops may be cut into the same row tiles.
enum class RowPattern : std::uint8_t {
    // Row i of each output depends on row i of the inputs for which reads_by_row() holds, and on the whole of the
    // others.
    kRowWise,
    // Anything else: reductions over rows, gathers of other rows, in-place updates of whole tensors.
    kWhole,
};

// Floating-point operations and bytes of memory traffic of one execution at capacity.
struct OpCost {
    double flops = 0;
    double bytes = 0;
};

// Output `output` is written into the buffer of input `input`, whose old value no later node may read.
struct Alias {
    int output;
    int input;
};

// What a reference kernel receives. Floating tensors hold T (float or double), integer tensors their own type; kernels
// must honour `extent` in reductions over the leading dimension (see tensor/shape.h).
struct KernelCall {
    std::span<const TensorView> inputs;
    std::span<const TensorView> outputs;
    const Attributes& attributes;
};

// What an op's gradient rule receives and returns. `output_gradients[i]` is invalid when nothing flows into output i.
// The rule appends nodes to `builder` and sets dense[i] or sparse[i] for each input it propagates to; setting neither
// means that the input gets no gradient.
struct GradientCall {
    ProgramBuilder& builder;
    std::span<const ValueId> inputs;
    std::span<const ValueId> outputs;
    std::span<const ValueId> output_gradients;
    const Attributes& attributes;
    std::span<ValueId> dense;
    std::span<SparseRows> sparse;
};

class Op {
  public:
    virtual ~Op() = default;
    virtual std::string_view name() const = 0;

    // Output types for the given inputs; throws InternalError when they do not fit.
    virtual std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const = 0;

    // Default: one flop per output element, traffic = inputs + outputs.
    virtual OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                        const Attributes& attributes) const;

    virtual RowPattern row_pattern(const Attributes&) const { return RowPattern::kRowWise; }
    // Of a row-wise op: whether it reads this input row by row, or whole (a weight, a table, a step scalar). Shapes
    // alone cannot tell: a weight may happen to have as many rows as the batch.
    virtual bool reads_by_row(int /*input*/, const Attributes&) const { return true; }
    virtual std::vector<Alias> aliases(const Attributes&) const { return {}; }
    // Of an in-place update: whether element i of every output depends on element i of the inputs for which this holds
    // and on the whole of the others. All aliased inputs are among them, and all have the shape of all outputs. Such an
    // op may be run over one range of elements after another. For no input: not elementwise.
    virtual bool updates_by_element(int /*input*/) const { return false; }

    // False: gradients stop here (stop_gradient, integer ops, optimizer updates).
    virtual bool differentiable() const { return false; }
    // True: gradient() deliberately is not the derivative (straight-through estimators, AdderNet); such an op is
    // checked against the formula it documents instead of finite differences.
    virtual bool surrogate_gradient() const { return false; }
    virtual void gradient(GradientCall& call) const;

    virtual void reference_f32(const KernelCall& call) const = 0;
    virtual void reference_f64(const KernelCall& call) const = 0;
};

// Derives both reference kernels from one template: Derived has `template <typename T> static void reference(const
// KernelCall&)`.
template <typename Derived>
class OpBase : public Op {
  public:
    void reference_f32(const KernelCall& call) const override { Derived::template reference<float>(call); }
    void reference_f64(const KernelCall& call) const override { Derived::template reference<double>(call); }
};

// Every op of the engine, in a fixed order; device parity tests iterate over it.
std::span<const Op* const> all_ops();
// Throws InternalError when no op has that name.
const Op& op_named(std::string_view name);

}  // namespace tensile
