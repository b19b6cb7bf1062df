// Small example programs for every op, with deterministic content: one list for the finite-difference checks of the
// reference kernels and for the parity checks of the devices. They cover odd sizes and extents below the capacity.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "graph/program.h"

namespace tensile::test {

// Content of one element: a function of its row-major index, its row, and a uniform random number in [0, 1).
struct Element {
    std::int64_t index;
    std::int64_t row;
    double uniform;
};
using Content = std::function<double(const Element&)>;

struct CaseInput {
    std::string name;
    TensorType type;
    Content content;
    // A variable of the job rather than an input (what in-place ops update).
    bool variable = false;
    // The op claims a gradient for this input.
    bool differentiable = true;
};

// One op applied to some inputs. Bounded shapes refer to slot 0, the extent "batch".
struct OpCase {
    std::string name;  // "matmul/70x33" and the like, unique
    std::string op;
    std::vector<CaseInput> inputs;
    std::int64_t extent = 0;  // of "batch"
    std::function<std::vector<ValueId>(ProgramBuilder&, std::span<const ValueId>)> apply;
};

// How GoogleTest shows a case.
inline void PrintTo(const OpCase& op_case, std::ostream* stream) {
    *stream << op_case.name;
}

// At least one case for each op of all_ops().
const std::vector<OpCase>& op_cases();

// Declares the extent and the inputs of a case, and applies its op.
struct AppliedCase {
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
};
AppliedCase apply_case(const OpCase& op_case, ProgramBuilder& builder);

// The case alone: inputs and variables by their names, the op's outputs as "y0", "y1", ...
Program case_program(const OpCase& op_case);

// Writes the content of an input into a buffer of f32 or f64 (the same numbers, exact in f32) or of an integer type.
// Rows at or beyond the extent get `beyond`, which must not matter to any present row.
void fill_case_input(const OpCase& op_case, const CaseInput& input, const TensorView& buffer, double beyond = 0);

// Fills all inputs and variables and sets the extent.
template <typename T>
void load_case(const OpCase& op_case, Interpreter<T>& interpreter, double beyond = 0) {
    interpreter.set_extent("batch", op_case.extent);
    for (const CaseInput& input : op_case.inputs) {
        HostTensor& tensor = interpreter.tensor(input.name);
        fill_case_input(op_case, input, {tensor.bytes.data(), tensor.type, 0}, beyond);
    }
}

}  // namespace tensile::test
