// Gradient rules against central finite differences in double, for every case of every op that claims a gradient, and
// surrogate gradients against the formulas that they document.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "graph/autodiff.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/inner_product.h"
#include "graph/ops/round_straight_through.h"
#include "graph/ops/sum_all.h"
#include "support/op_cases.h"
#include "tensor/random.h"

namespace tensile::test {
namespace {

// Outputs of an op through which gradients flow; the rest serve the backward pass only.
std::size_t open_outputs(const OpCase& op_case, std::size_t outputs) {
    return op_case.op == "layer_norm" ? 1 : outputs;
}

struct GradientProgram {
    Program program;
    std::vector<std::string> checked;  // names of the inputs whose gradient is an output "d_<name>"
};

// loss = sum over outputs of <output, direction>, with random directions that are inputs "direction<i>".
GradientProgram gradient_program(const OpCase& op_case) {
    ProgramBuilder builder(op_case.name);
    const AppliedCase applied = apply_case(op_case, builder);
    std::vector<ValueId> terms;
    for (std::size_t i = 0; i < open_outputs(op_case, applied.outputs.size()); ++i) {
        const ValueId direction = builder.input("direction" + std::to_string(i), builder.type(applied.outputs[i]));
        terms.push_back(ops::inner_product(builder, applied.outputs[i], direction));
    }
    const ValueId loss = ops::add_scalars(builder, terms);
    builder.output("loss", loss);

    GradientProgram result{Program{}, {}};
    std::vector<ValueId> wrt;
    for (std::size_t i = 0; i < applied.inputs.size(); ++i) {
        if (!op_case.inputs[i].differentiable) continue;
        wrt.push_back(applied.inputs[i]);
        result.checked.push_back(op_case.inputs[i].name);
    }
    const std::vector<Gradient> computed = gradients(builder, {{loss}}, wrt);
    for (std::size_t i = 0; i < wrt.size(); ++i) {
        const std::string name = "d_" + result.checked[i];
        if (const auto* dense = std::get_if<ValueId>(&computed[i])) {
            builder.output(name, *dense);
        } else if (const auto* sparse = std::get_if<SparseRows>(&computed[i])) {
            builder.output(name, ops::densify_rows(builder, *sparse));
        } else {
            ADD_FAILURE() << op_case.name << ": no gradient for " << result.checked[i];
        }
    }
    result.program = builder.finish();
    return result;
}

void load_directions(const Program& program, Interpreter<double>& interpreter) {
    for (ValueId id : program.inputs()) {
        const Value& value = program.value(id);
        if (!value.name.starts_with("direction")) continue;
        HostTensor& tensor = interpreter.tensor(value.name);
        for (std::int64_t i = 0; i < value.type.shape.elements(); ++i)
            tensor.data<double>()[i] = 2 * random_uniform(1, 2, static_cast<std::uint64_t>(i)) - 1;
    }
}

// Where to look: everything in small tensors, a sample of large ones.
std::vector<std::int64_t> sample(std::int64_t elements) {
    constexpr std::int64_t kMost = 40;
    std::vector<std::int64_t> picked;
    for (std::int64_t i = 0; i < std::min(elements, kMost); ++i)
        picked.push_back(elements <= kMost ? i : i * (elements - 1) / (kMost - 1));
    return picked;
}

// Ops whose gradients finite differences can check.
std::vector<std::string> differentiable_ops() {
    std::vector<std::string> names;
    for (const Op* op : all_ops())
        if (op->differentiable() && !op->surrogate_gradient()) names.emplace_back(op->name());
    return names;
}

void check_gradients(const OpCase& op_case) {
    const GradientProgram checked = gradient_program(op_case);
    Interpreter<double> interpreter(checked.program);
    load_case(op_case, interpreter);
    load_directions(checked.program, interpreter);
    interpreter.run();
    std::map<std::string, HostTensor> computed;
    for (const std::string& name : checked.checked)
        computed[name] = interpreter.output("d_" + name);

    constexpr double kStep = 1e-5;
    for (const CaseInput& input : op_case.inputs) {
        if (!input.differentiable) continue;
        const std::int64_t present =
            input.type.shape.is_bounded() ? op_case.extent * input.type.shape.row_width() : input.type.shape.elements();
        for (std::int64_t i : sample(present)) {
            double* element = interpreter.tensor(input.name).data<double>() + i;
            const double original = *element;
            const auto loss_at = [&](double value) {
                *element = value;
                interpreter.run();
                return *interpreter.output("loss").data<double>();
            };
            const double difference = (loss_at(original + kStep) - loss_at(original - kStep)) / (2 * kStep);
            *element = original;
            const double gradient = computed[input.name].data<double>()[i];
            ASSERT_NEAR(gradient, difference, 1e-6 * (1 + std::abs(difference)))
                << "input \"" << input.name << "\", element " << i;
        }
    }
}

class OpGradientTest : public testing::TestWithParam<std::string> {};

TEST_P(OpGradientTest, AgreesWithFiniteDifferences) {
    int checked = 0;
    for (const OpCase& op_case : op_cases()) {
        if (op_case.op != GetParam() || std::ranges::none_of(op_case.inputs, &CaseInput::differentiable)) continue;
        SCOPED_TRACE(op_case.name);
        check_gradients(op_case);
        ++checked;
    }
    EXPECT_GT(checked, 0) << "an op that claims a gradient needs a case";
}

INSTANTIATE_TEST_SUITE_P(Graph, OpGradientTest, testing::ValuesIn(differentiable_ops()),
                         [](const auto& info) { return info.param; });

// An op with a surrogate gradient needs a test of its formula below; this list says which have one.
TEST(OpGradient, EverySurrogateIsCheckedAgainstItsFormula) {
    const std::set<std::string_view> checked = {"round_straight_through"};
    std::set<std::string_view> surrogates;
    for (const Op* op : all_ops())
        if (op->surrogate_gradient()) surrogates.insert(op->name());
    EXPECT_EQ(surrogates, checked);
}

TEST(OpGradient, RoundStraightThroughPassesTheGradientOn) {
    ProgramBuilder builder("rounding");
    const ValueId x = builder.input("x", {DType::kF32, {4}});
    const ValueId direction = builder.input("direction", {DType::kF32, {4}});
    const ValueId y = ops::round_straight_through(builder, x);
    const ValueId loss = ops::inner_product(builder, y, direction);
    builder.output("y", y);
    builder.output("dx", std::get<ValueId>(gradients(builder, {{loss}}, {{x}})[0]));
    const Program program = builder.finish();

    Interpreter<double> interpreter(program);
    const double values[] = {0.5, 1.5, -0.4, 2.6};
    const double directions[] = {1, -2, 3, 0.25};
    std::ranges::copy(values, interpreter.tensor("x").data<double>());
    std::ranges::copy(directions, interpreter.tensor("direction").data<double>());
    interpreter.run();
    const double rounded[] = {0, 2, 0, 3};
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(interpreter.output("y").data<double>()[i], rounded[i]);
        EXPECT_EQ(interpreter.output("dx").data<double>()[i], directions[i]);
    }
}

}  // namespace
}  // namespace tensile::test
