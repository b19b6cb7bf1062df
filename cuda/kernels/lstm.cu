// Kernels of the LSTM's cell and of its gradient: one thread an element, every operand read and written once.
#include <algorithm>
#include <cmath>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/logistic.h"
#include "cuda/launch.h"

namespace tensile::cuda {

namespace {

// dy y (1 - y), y a logistic function
__device__ float logistic_gradient(float y, float dy) {
    return dy * y * (1 - y);
}
// dy (1 - y^2), y a hyperbolic tangent
__device__ float tangent_gradient(float y, float dy) {
    return dy * fmaf(-y, y, 1.0F);
}

// Activations of one element; `gates` points at its zi.
struct Activations {
    float input;
    float forget;
    float candidate;
    float output;

    __device__ Activations(const float* gates, std::int64_t hidden)
        : input(logistic(gates[0])),
          forget(logistic(gates[hidden])),
          candidate(tanhf(gates[2 * hidden])),
          output(logistic(gates[3 * hidden])) {}
    __device__ float cell(float previous) const { return fmaf(forget, previous, input * candidate); }
};

// An element of [rows, width]: blocks of threads along x, rows along y of the grid.
struct Element {
    std::int64_t row;
    std::int64_t column;

    __device__ Element()
        : row(static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y),
          column(static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) {}
};

struct CellOperands {
    const float* gates;
    const float* previous_cell;
    const float* previous_hidden;
    const float* present;  // null: every row is
    float* hidden;
    float* cell;
    std::int64_t rows;
    std::int64_t width;
};

// hidden may be previous_cell or previous_hidden.
__global__ void lstm_cell(CellOperands operands) {
    const Element element;
    if (element.column >= operands.width) return;
    const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
    for (std::int64_t row = element.row; row < operands.rows; row += step) {
        const std::int64_t at = row * operands.width + element.column;
        const float previous = operands.previous_cell[at];
        if (operands.present != nullptr && operands.present[row] == 0) {
            operands.hidden[at] = operands.previous_hidden[at];
            operands.cell[at] = previous;
            continue;
        }
        const Activations gate(operands.gates + 4 * row * operands.width + element.column, operands.width);
        const float state = gate.cell(previous);
        operands.cell[at] = state;
        operands.hidden[at] = gate.output * tanhf(state);
    }
}

struct CellGradientOperands {
    const float* gates;
    const float* previous_cell;
    const float* present;          // null: every row is
    const float* hidden_gradient;  // null: zero
    const float* cell_gradient;    // null: zero
    float* dgates;
    float* dprevious_cell;
    float* dprevious_hidden;  // null without `present`
    std::int64_t rows;
    std::int64_t width;
};

// dgates may be gates.
__global__ void lstm_cell_gradient(CellGradientOperands operands) {
    const Element element;
    if (element.column >= operands.width) return;
    const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
    for (std::int64_t row = element.row; row < operands.rows; row += step) {
        const std::int64_t width = operands.width;
        const std::int64_t at = row * width + element.column;
        const std::int64_t gate_at = 4 * row * width + element.column;
        const bool present = operands.present == nullptr || operands.present[row] != 0;
        const float dh = operands.hidden_gradient == nullptr ? 0 : operands.hidden_gradient[at];
        const float dc = operands.cell_gradient == nullptr ? 0 : operands.cell_gradient[at];
        float* dgates = operands.dgates + gate_at;
        if (operands.dprevious_hidden != nullptr) operands.dprevious_hidden[at] = present ? 0 : dh;
        if (!present) {
            for (std::int64_t gate = 0; gate < 4; ++gate)
                dgates[gate * width] = 0;
            operands.dprevious_cell[at] = dc;
            continue;
        }
        const float previous = operands.previous_cell[at];
        const Activations gate(operands.gates + gate_at, width);
        const float squashed = tanhf(gate.cell(previous));
        const float e = dc + tangent_gradient(squashed, dh * gate.output);
        dgates[0] = logistic_gradient(gate.input, e * gate.candidate);
        dgates[width] = logistic_gradient(gate.forget, e * previous);
        dgates[2 * width] = tangent_gradient(gate.candidate, e * gate.input);
        dgates[3 * width] = logistic_gradient(gate.output, dh * squashed);
        operands.dprevious_cell[at] = e * gate.forget;
    }
}

dim3 cell_block(std::int64_t width) {
    unsigned columns = kWarpThreads;
    while (columns < kBlockThreads && columns < width)
        columns *= 2;
    return dim3(columns, kBlockThreads / columns);
}

dim3 cell_grid(std::int64_t rows, std::int64_t width) {
    constexpr std::int64_t kMostRowBlocks = 65535;  // of the grid's second dimension
    const dim3 block = cell_block(width);
    return dim3(static_cast<unsigned>((width + block.x - 1) / block.x),
                static_cast<unsigned>(std::min((rows + block.y - 1) / block.y, kMostRowBlocks)));
}

std::unique_ptr<Kernel> make_lstm_cell(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.outputs[0];
    const bool masked = problem.flag("masked");
    const std::uint64_t overwritable = masked ? 0b110 : 0b010;
    return function_kernel({.overwritable_inputs = overwritable}, [type, masked](const KernelArguments& call) {
        const CellOperands operands{call.input<float>(0),
                                    call.input<float>(1),
                                    masked ? call.input<float>(2) : nullptr,
                                    masked ? call.input<float>(3) : nullptr,
                                    call.output<float>(0),
                                    call.output<float>(1),
                                    type.present_rows(call.extents),
                                    type.dim(1)};
        if (operands.rows == 0) return;
        launch_kernel(&lstm_cell, cell_grid(operands.rows, operands.width), cell_block(operands.width),
                      call.stream.stream, "lstm_cell", operands);
    });
}

std::unique_ptr<Kernel> make_lstm_cell_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.outputs[1];
    const bool masked = problem.flag("masked");
    const bool hidden = problem.flag("hidden_gradient");
    const bool cell = problem.flag("cell_gradient");
    return function_kernel({.overwritable_inputs = 1}, [type, masked, hidden, cell](const KernelArguments& call) {
        int next = 2;
        const float* present = masked ? call.input<float>(next++) : nullptr;
        const float* hidden_gradient = hidden ? call.input<float>(next++) : nullptr;
        const float* cell_gradient = cell ? call.input<float>(next) : nullptr;
        const CellGradientOperands operands{call.input<float>(0),
                                            call.input<float>(1),
                                            present,
                                            hidden_gradient,
                                            cell_gradient,
                                            call.output<float>(0),
                                            call.output<float>(1),
                                            masked ? call.output<float>(2) : nullptr,
                                            type.present_rows(call.extents),
                                            type.dim(1)};
        if (operands.rows == 0) return;
        launch_kernel(&lstm_cell_gradient, cell_grid(operands.rows, operands.width), cell_block(operands.width),
                      call.stream.stream, "lstm_cell_gradient", operands);
    });
}

}  // namespace

void register_lstm(KernelRegistry& registry) {
    registry.add("lstm_cell", &make_lstm_cell);
    registry.add("lstm_cell_gradient", &make_lstm_cell_gradient);
}

}  // namespace tensile::cuda
