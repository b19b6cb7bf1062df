// lstm_cell and its gradient; see lstm_cell.h.
#include "graph/ops/lstm_cell.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/elementwise.h"
#include "graph/ops/logistic.h"

namespace tensile::ops {

namespace {

// Inputs 0 and 1 of both ops.
void check_gates(const InputCheck& check, std::span<const TensorType> inputs) {
    check.floating(0);
    check.rank(0, 2);
    check.rank(1, 2);
    check.dtype(1, inputs[0].dtype);
    check.same_rows(1, 0);
    check.require(inputs[1].shape[1] >= 1 && inputs[0].shape[1] == 4 * inputs[1].shape[1],
                  "input 0 must have four columns for each column of input 1");
}

void check_present(const InputCheck& check, std::span<const TensorType> inputs, std::size_t input) {
    check.rank(input, 1);
    check.dtype(input, inputs[0].dtype);
    check.same_rows(input, 0);
}

// Activations of one element; `gates` points at its zi.
template <typename T>
struct Activations {
    T input, forget, candidate, output;

    Activations(const T* gates, std::int64_t hidden)
        : input(logistic(gates[0])),
          forget(logistic(gates[hidden])),
          candidate(std::tanh(gates[2 * hidden])),
          output(logistic(gates[3 * hidden])) {}
    T cell(T previous) const { return forget * previous + input * candidate; }
};

class LstmCellOp final : public OpBase<LstmCellOp> {
  public:
    std::string_view name() const override { return "lstm_cell"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const bool masked = attributes.flag("masked");
        const InputCheck check(name(), inputs, masked ? 4 : 2);
        check_gates(check, inputs);
        if (masked) {
            check.same_type(2, 1);
            check_present(check, inputs, 3);
        }
        return {inputs[1], inputs[1]};
    }

    // Four activations and the cell's of about 20 operations each.
    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        cost.flops = 100 * static_cast<double>(outputs[0].shape.elements());
        return cost;
    }

    void gradient(GradientCall& call) const override {
        const bool masked = call.attributes.flag("masked");
        const LstmCellGradients result =
            lstm_cell_gradient(call.builder, call.inputs[0], call.inputs[1], masked ? call.inputs[3] : ValueId{},
                               {call.output_gradients[0], call.output_gradients[1]});
        call.dense[0] = result.gates;
        call.dense[1] = result.previous_cell;
        if (masked) call.dense[2] = result.previous_hidden;
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const bool masked = call.attributes.flag("masked");
        const std::int64_t width = call.outputs[0].type.shape[1];
        for (std::int64_t row = 0; row < call.outputs[0].extent; ++row) {
            const T* gates = call.inputs[0].as<T>() + row * 4 * width;
            const T* previous_cell = call.inputs[1].as<T>() + row * width;
            T* hidden = call.outputs[0].as<T>() + row * width;
            T* cell = call.outputs[1].as<T>() + row * width;
            if (masked && call.inputs[3].as<T>()[row] == 0) {
                std::copy_n(call.inputs[2].as<T>() + row * width, width, hidden);
                std::copy_n(previous_cell, width, cell);
                continue;
            }
            for (std::int64_t j = 0; j < width; ++j) {
                const Activations<T> gate(gates + j, width);
                cell[j] = gate.cell(previous_cell[j]);
                hidden[j] = gate.output * std::tanh(cell[j]);
            }
        }
    }
};

class LstmCellGradientOp final : public OpBase<LstmCellGradientOp> {
  public:
    std::string_view name() const override { return "lstm_cell_gradient"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const bool masked = attributes.flag("masked");
        std::size_t count = masked ? 3 : 2;
        const std::size_t first_gradient = count;
        for (const char* name : {"hidden_gradient", "cell_gradient"})
            count += attributes.flag(name) ? 1 : 0;
        const InputCheck check(name(), inputs, count);
        check.require(count > first_gradient, "there must be a gradient");
        check_gates(check, inputs);
        if (masked) check_present(check, inputs, 2);
        for (std::size_t i = first_gradient; i < count; ++i)
            check.same_type(i, 1);
        std::vector<TensorType> outputs{inputs[0], inputs[1]};
        if (masked) outputs.push_back(inputs[1]);
        return outputs;
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        cost.flops = 120 * static_cast<double>(outputs[1].shape.elements());
        return cost;
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const bool masked = call.attributes.flag("masked");
        const std::int64_t width = call.outputs[1].type.shape[1];
        std::size_t next = masked ? 3 : 2;
        const T* hidden_gradient = call.attributes.flag("hidden_gradient") ? call.inputs[next++].as<T>() : nullptr;
        const T* cell_gradient = call.attributes.flag("cell_gradient") ? call.inputs[next].as<T>() : nullptr;
        for (std::int64_t row = 0; row < call.outputs[0].extent; ++row) {
            const bool present = !masked || call.inputs[2].as<T>()[row] != 0;
            for (std::int64_t j = 0; j < width; ++j) {
                const std::int64_t at = row * width + j;
                const T dh = hidden_gradient == nullptr ? 0 : hidden_gradient[at];
                const T dc = cell_gradient == nullptr ? 0 : cell_gradient[at];
                T* dgates = call.outputs[0].as<T>() + row * 4 * width + j;
                T& dprevious_cell = call.outputs[1].as<T>()[at];
                if (masked) call.outputs[2].as<T>()[at] = present ? 0 : dh;
                if (!present) {
                    for (std::int64_t gate = 0; gate < 4; ++gate)
                        dgates[gate * width] = 0;
                    dprevious_cell = dc;
                    continue;
                }
                const T previous = call.inputs[1].as<T>()[at];
                const Activations<T> gate(call.inputs[0].as<T>() + row * 4 * width + j, width);
                const T squashed = std::tanh(gate.cell(previous));
                const T e = dc + dh * gate.output * (1 - squashed * squashed);
                dgates[0] = e * gate.candidate * gate.input * (1 - gate.input);
                dgates[width] = e * previous * gate.forget * (1 - gate.forget);
                dgates[2 * width] = e * gate.input * (1 - gate.candidate * gate.candidate);
                dgates[3 * width] = dh * squashed * gate.output * (1 - gate.output);
                dprevious_cell = e * gate.forget;
            }
        }
    }
};

}  // namespace

const Op& lstm_cell_op() {
    static const LstmCellOp op;
    return op;
}

const Op& lstm_cell_gradient_op() {
    static const LstmCellGradientOp op;
    return op;
}

LstmState lstm_cell(ProgramBuilder& builder, ValueId gates, const LstmState& previous, ValueId present) {
    std::vector<ValueId> inputs{gates, previous.cell};
    if (present.valid()) {
        inputs.push_back(previous.hidden);
        inputs.push_back(present);
    }
    const auto outputs = builder.add(lstm_cell_op(), inputs, {{"masked", std::int64_t{present.valid()}}});
    return {outputs[0], outputs[1]};
}

LstmCellGradients lstm_cell_gradient(ProgramBuilder& builder, ValueId gates, ValueId previous_cell, ValueId present,
                                     const LstmState& gradient) {
    std::vector<ValueId> inputs{gates, previous_cell};
    for (ValueId optional : {present, gradient.hidden, gradient.cell})
        if (optional.valid()) inputs.push_back(optional);
    const auto outputs = builder.add(lstm_cell_gradient_op(), inputs,
                                     {{"masked", std::int64_t{present.valid()}},
                                      {"hidden_gradient", std::int64_t{gradient.hidden.valid()}},
                                      {"cell_gradient", std::int64_t{gradient.cell.valid()}}});
    return {outputs[0], outputs[1], present.valid() ? outputs[2] : ValueId{}};
}

}  // namespace tensile::ops
