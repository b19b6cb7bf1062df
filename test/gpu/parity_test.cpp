// Every op of the engine on the GPU against the processor, with the error of each op in a table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "gpu/gpu_under_test.h"
#include "graph/op.h"
#include "support/op_cases.h"
#include "support/tensor_values.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

constexpr double kRelativeError = 1e-5;
constexpr std::size_t kSlabBytes = std::size_t{64} << 20;

struct Worst {
    double error = 0;
    std::string where;
};

class GpuParity : public ::testing::TestWithParam<OpCase> {
  protected:
    static void SetUpTestSuite() {
        gpu_.emplace();
        slab_ = {gpu_->device().reserve_slab(kSlabBytes), kSlabBytes};
    }
    static void TearDownTestSuite() {
        Worst worst;
        for (const auto& [op, of_op] : worst_) {
            std::printf("parity %-32s %9.2e  %s\n", op.c_str(), of_op.error, of_op.where.c_str());
            if (of_op.error >= worst.error) worst = of_op;
        }
        char figure[32];
        std::snprintf(figure, sizeof figure, "%.2e", worst.error);
        print_figure("parity.ops", std::to_string(worst_.size()));
        print_figure("parity.worst", figure);
        print_figure("parity.where", worst.where);
        worst_.clear();
        gpu_.reset();
    }

    static void compare(const OpCase& op_case, double beyond) {
        static CpuDevice processor(0);
        const Program program = case_program(op_case);
        DeviceRun reference(processor, program);
        DeviceRun run(gpu_->device(), program, {}, StreamPriority::kTraining, slab_);
        reference.set_extent("batch", op_case.extent);
        run.set_extent("batch", op_case.extent);
        for (const CaseInput& input : op_case.inputs) {
            fill_case_input(op_case, input, reference.tensor(input.name), beyond);
            fill_case_input(op_case, input, run.tensor(input.name), beyond);
        }
        ASSERT_EQ(reference.run(), LaunchStatus::kCompleted);
        ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
        EXPECT_THAT(run.damaged_guards(), ::testing::IsEmpty());
        for (const NamedValue& output : program.outputs()) {
            const Difference difference = greatest_difference(present_values(run.output(output.name)),
                                                              present_values(reference.output(output.name)));
            EXPECT_LE(difference.relative, kRelativeError) << output.name << ", " << difference;
            Worst& worst = worst_[op_case.op];
            if (difference.relative >= worst.error) worst = {difference.relative, op_case.name + " " + output.name};
        }
    }

  private:
    static std::optional<GpuUnderTest> gpu_;
    static std::span<std::byte> slab_;
    static std::map<std::string, Worst> worst_;  // by op
};

std::optional<GpuUnderTest> GpuParity::gpu_;
std::span<std::byte> GpuParity::slab_;
std::map<std::string, Worst> GpuParity::worst_;

TEST_P(GpuParity, AgreesWithTheProcessor) {
    const OpCase& op_case = GetParam();
    compare(op_case, 0);
    // What no row holds must not matter, except to a product over rows: its right operand has zeros there.
    if (op_case.op != "matmul") compare(op_case, std::numeric_limits<double>::quiet_NaN());
}

INSTANTIATE_TEST_SUITE_P(Ops, GpuParity, ::testing::ValuesIn(op_cases()), [](const auto& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
});

TEST(GpuCoverage, EveryOpHasAKernelAndACase) {
    GpuUnderTest gpu;
    std::set<std::string> with_case;
    for (const OpCase& op_case : op_cases())
        with_case.insert(op_case.op);
    for (const Op* op : all_ops()) {
        EXPECT_TRUE(gpu.device().supports(*op, DType::kF32)) << op->name();
        EXPECT_TRUE(with_case.contains(std::string(op->name()))) << op->name();
    }
}

}  // namespace

}  // namespace tensile::test
