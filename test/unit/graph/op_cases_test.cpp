// What holds for every op: each has cases, its float kernel agrees with its double kernel, rows beyond the extent have
// no influence, and its shape rule refuses what does not fit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "support/op_cases.h"

namespace tensile::test {
namespace {

// One test an op, over all cases of the op.
class EveryOp : public testing::TestWithParam<std::string> {
  protected:
    template <typename Check>
    void for_each_case(Check check) {
        for (const OpCase& op_case : op_cases()) {
            if (op_case.op != GetParam()) continue;
            SCOPED_TRACE(op_case.name);
            check(op_case);
        }
    }
};

std::vector<std::string> op_names() {
    std::vector<std::string> names;
    for (const Op* op : all_ops())
        names.emplace_back(op->name());
    return names;
}

std::int64_t present_elements(const OpCase& op_case, const TensorType& type) {
    return type.shape.is_bounded() ? op_case.extent * type.shape.row_width() : type.shape.elements();
}

TEST(OpCases, CoverEveryOpUnderUniqueNames) {
    std::set<std::string> ops;
    std::set<std::string> names;
    for (const OpCase& op_case : op_cases()) {
        ops.insert(op_case.op);
        EXPECT_TRUE(names.insert(op_case.name).second) << op_case.name;
        // The case applies the op that it names.
        const Program program = case_program(op_case);
        ASSERT_EQ(program.nodes().size(), 1U) << op_case.name;
        EXPECT_EQ(program.nodes()[0].op->name(), op_case.op);
    }
    for (const Op* op : all_ops())
        EXPECT_TRUE(ops.contains(std::string(op->name()))) << op->name();
}

TEST(OpCases, OpsAreFoundByTheirUniqueNames) {
    std::set<std::string_view> names;
    for (const Op* op : all_ops()) {
        EXPECT_TRUE(names.insert(op->name()).second) << op->name();
        EXPECT_EQ(&op_named(op->name()), op);
    }
    EXPECT_THROW(op_named("no_such_op"), InternalError);
}

TEST_P(EveryOp, FloatAgreesWithDouble) {
    for_each_case([](const OpCase& op_case) {
        const Program program = case_program(op_case);
        Interpreter<float> single(program);
        Interpreter<double> precise(program);
        load_case(op_case, single);
        load_case(op_case, precise);
        single.run();
        precise.run();
        for (const NamedValue& output : program.outputs()) {
            const TensorType& type = program.value(output.value).type;
            for (std::int64_t i = 0; i < present_elements(op_case, type); ++i) {
                if (is_floating(type.dtype)) {
                    const double expected = precise.output(output.name).data<double>()[i];
                    ASSERT_NEAR(single.output(output.name).data<float>()[i], expected, 2e-5 * (1 + std::abs(expected)))
                        << output.name << ", element " << i;
                }
            }
            if (!is_floating(type.dtype)) {
                EXPECT_EQ(single.output(output.name).bytes, precise.output(output.name).bytes) << output.name;
            }
        }
    });
}

TEST_P(EveryOp, RowsBeyondTheExtentHaveNoInfluence) {
    for_each_case([](const OpCase& op_case) {
        const Program program = case_program(op_case);
        Interpreter<double> clean(program);
        Interpreter<double> dirty(program);
        load_case(op_case, clean, 0);
        load_case(op_case, dirty, std::numeric_limits<double>::quiet_NaN());
        clean.run();
        dirty.run();
        for (const NamedValue& output : program.outputs()) {
            const TensorType& type = program.value(output.value).type;
            const auto bytes = static_cast<std::ptrdiff_t>(clean.output(output.name).type.bytes()) /
                               std::max<std::ptrdiff_t>(type.shape.elements(), 1) * present_elements(op_case, type);
            const std::byte* expected = clean.output(output.name).data<std::byte>();
            EXPECT_TRUE(std::equal(expected, expected + bytes, dirty.output(output.name).data<std::byte>()))
                << output.name;
        }
    });
}

// What lets a device cut a row-wise op into row tiles: the first row stays the same whatever the other rows hold.
TEST_P(EveryOp, RowWiseMeansThatOtherRowsHaveNoInfluence) {
    for_each_case([](const OpCase& op_case) {
        const Program program = case_program(op_case);
        const Node& node = program.nodes()[0];
        if (node.op->row_pattern(node.attributes) != RowPattern::kRowWise) return;
        Interpreter<double> original(program);
        Interpreter<double> changed(program);
        load_case(op_case, original);
        load_case(op_case, changed);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (!node.op->reads_by_row(static_cast<int>(i), node.attributes)) continue;
            HostTensor& tensor = changed.tensor(op_case.inputs[i].name);
            const std::size_t row = tensor.type.bytes() / static_cast<std::size_t>(tensor.type.shape.rows());
            std::fill(tensor.bytes.begin() + static_cast<std::ptrdiff_t>(row), tensor.bytes.end(), std::byte{0});
        }
        original.run();
        changed.run();
        for (const NamedValue& output : program.outputs()) {
            const HostTensor& expected = original.output(output.name);
            const std::size_t row = expected.type.bytes() / static_cast<std::size_t>(expected.type.shape.rows());
            const std::byte* begin = expected.data<std::byte>();
            EXPECT_TRUE(std::equal(begin, begin + row, changed.output(output.name).data<std::byte>())) << output.name;
        }
    });
}

// The outputs' leading dimension is bounded exactly when the op works row by row on a bounded input.
TEST_P(EveryOp, RowWiseOutputsKeepTheExtent) {
    for_each_case([](const OpCase& op_case) {
        const Program program = case_program(op_case);
        const Node& node = program.nodes()[0];
        if (node.op->row_pattern(node.attributes) != RowPattern::kRowWise) return;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (!node.op->reads_by_row(static_cast<int>(i), node.attributes)) continue;
            const Shape& input = program.value(node.inputs[i]).type.shape;
            for (ValueId id : node.outputs) {
                const Shape& output = program.value(id).type.shape;
                EXPECT_EQ(output.rows(), input.rows());
                EXPECT_EQ(output.extent_slot(), input.extent_slot());
            }
        }
    });
}

TEST_P(EveryOp, RefusesAnotherNumberOfInputs) {
    for_each_case([](const OpCase& op_case) {
        const Program program = case_program(op_case);
        const Node& node = program.nodes()[0];
        std::vector<TensorType> types;
        for (ValueId id : node.inputs)
            types.push_back(program.value(id).type);
        EXPECT_EQ(node.op->infer(types, node.attributes).size(), node.outputs.size());
        EXPECT_THROW(node.op->infer({}, node.attributes), InternalError);
        const std::set<std::string_view> any_number = {"concat_columns", "concat_rows", "add_scalars"};
        types.push_back(types.back());
        if (any_number.contains(node.op->name())) return;
        EXPECT_THROW(node.op->infer(types, node.attributes), InternalError);
    });
}

INSTANTIATE_TEST_SUITE_P(Graph, EveryOp, testing::ValuesIn(op_names()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace tensile::test
