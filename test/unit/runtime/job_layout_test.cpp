// Where layouts put variables, constants and host copies: apart from each other, aligned, and with the room that
// initializing them takes.
#include "runtime/job_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "tensor/error.h"
#include "unit/runtime/deep_job.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {
namespace {

class JobLayoutTest : public ::testing::Test {
  protected:
    // Two matrices of 4 MiB, their biases, and velocities of all.
    static constexpr DeepJobOptions kOptions{.layers = 2, .width = 1024, .batch = 16};

    JobLayoutTest() {
        for (const Program& program : job.programs)
            programs.push_back({prepare_program(device, program, {}), {}});
    }
    void slice() {
        for (JobProgram& program : programs)
            program.planned = prepare_program(device, program.planned->program,
                                              sliced({.split_chains = true}, job, program.planned->program));
    }
    JobLayout planned(const JobPlanner& planner) {
        const JobQuestion question(programs, pieces, LinkModel{1e9, 1e9, 1e9, 1e-4}, costs);
        return lay_out_planned(programs, pieces, *planner.plan_job(question.request(), kUnlimited));
    }

    static constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 40;
    CpuDevice device{1};
    std::vector<float> losses;
    Job job = make_deep_job(kOptions, losses);
    CostModel costs{DeviceRates{}};
    std::vector<JobProgram> programs;
    std::vector<VariablePiece> pieces = assign_pieces(job, programs);
};

std::uint64_t bytes_of(const Variable& variable) {
    return variable.type.bytes();
}

TEST_F(JobLayoutTest, WholeVariablesAreOnePieceEach) {
    pieces = assign_pieces(job, programs);
    ASSERT_EQ(pieces.size(), job.variables.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        EXPECT_EQ(pieces[i].variable, i);
        EXPECT_EQ(pieces[i].offset, 0U);
        EXPECT_EQ(pieces[i].bytes, bytes_of(job.variables[i]));
    }
}

TEST_F(JobLayoutTest, OnlyLargeStateOfOptimizersIsSliced) {
    slice();
    pieces = assign_pieces(job, programs);
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        const Variable& variable = job.variables[i];
        const PieceRange range = pieces_of(pieces, i);
        const bool is_large_state = variable.name.ends_with("/weight/velocity") && bytes_of(variable) > (1 << 20);
        EXPECT_EQ(range.end - range.begin > 1, is_large_state) << variable.name;
        std::uint64_t end = 0;
        for (std::size_t piece = range.begin; piece < range.end; ++piece) {
            EXPECT_EQ(pieces[piece].offset, end);
            EXPECT_EQ(pieces[piece].offset % kCopyAlignment, 0U);
            end += pieces[piece].bytes;
        }
        EXPECT_EQ(end, bytes_of(variable));
    }
    EXPECT_LE(pieces.size(), job.variables.size() + 64);
}

TEST_F(JobLayoutTest, ProgramsMustCutAlike) {
    job.programs.push_back(job.programs[0]);
    programs.push_back({prepare_program(device, job.programs[1], {}), {}});
    const LoweringOptions options = sliced({.split_chains = true}, job, job.programs[0]);
    EXPECT_FALSE(options.sliced_variables.empty());
    programs[0].planned = prepare_program(device, job.programs[0], options);
    EXPECT_THROW(assign_pieces(job, programs), InternalError);
    programs[1].planned = prepare_program(device, job.programs[1], options);
    EXPECT_NO_THROW(assign_pieces(job, programs));
}

TEST_F(JobLayoutTest, InPlaceEveryVariableIsInOnePlace) {
    slice();
    pieces = assign_pieces(job, programs);
    const JobLayout layout = lay_out_in_place(programs, pieces);
    std::uint64_t variable_bytes = 0;
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        EXPECT_TRUE(is_in_one_place(layout, pieces, pieces_of(pieces, i)));
        variable_bytes += aligned_size(bytes_of(job.variables[i]));
    }
    EXPECT_EQ(layout.constants[0], variable_bytes);
    EXPECT_EQ(layout.state_bytes, variable_bytes + programs[0].planned->constant_bytes);
    EXPECT_EQ(layout.host_bytes, 0U);
    EXPECT_EQ(std::ranges::count(layout.piece_copies, kNoOffset), static_cast<std::ptrdiff_t>(pieces.size()));
    EXPECT_GE(layout.pool_bytes(), layout.extent_bytes());
}

// All variables at home in the spill file, and tensors that are copied within a step.
TEST_F(JobLayoutTest, HostCopiesDoNotOverlap) {
    slice();
    pieces = assign_pieces(job, programs);
    const JobLayout layout = planned(moving_planner());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> copies;  // begin, end
    for (std::size_t piece = 0; piece < pieces.size(); ++piece) {
        ASSERT_EQ(layout.homes[piece].home, Home::kHost);
        copies.emplace_back(layout.piece_copies[piece], layout.piece_copies[piece] + pieces[piece].bytes);
    }
    const LoweredProgram& lowered = programs[0].planned->executable->lowered();
    for (std::size_t k = 0; k < programs[0].pieces.size(); ++k)
        EXPECT_EQ(layout.tensor_copies[0][static_cast<std::size_t>(programs[0].planned->variable_tensors[k])],
                  layout.piece_copies[programs[0].pieces[k]]);
    for (std::size_t tensor = 0; tensor < lowered.tensors.size(); ++tensor) {
        const std::uint64_t begin = layout.tensor_copies[0][tensor];
        if (begin == kNoOffset || lowered.tensors[tensor].kind == LoweredKind::kVariable) continue;
        copies.emplace_back(begin, begin + lowered.tensors[tensor].bytes);
    }
    ASSERT_GT(copies.size(), pieces.size());
    std::ranges::sort(copies);
    for (std::size_t i = 0; i < copies.size(); ++i) {
        EXPECT_EQ(copies[i].first % kCopyAlignment, 0U);
        if (i > 0) {
            EXPECT_GE(copies[i].first, copies[i - 1].second);
        }
    }
    EXPECT_LE(copies.back().second, layout.host_bytes);
    EXPECT_EQ(layout.state_bytes, programs[0].planned->constant_bytes);
    EXPECT_GE(layout.step_bytes, std::ranges::max(job.variables, {}, bytes_of).type.bytes())
        << "a variable passes through the step region once";
}

TEST_F(JobLayoutTest, APlanForAnotherJobIsADefect) {
    pieces = assign_pieces(job, programs);
    EXPECT_THROW(lay_out_planned(programs, pieces, JobPlan()), InternalError);
}

TEST_F(JobLayoutTest, ExtentsAreCutAtGranules) {
    EXPECT_EQ(cut_size(0), 64U * 1024);
    EXPECT_EQ(cut_size(64 * 1024), 64U * 1024);
    EXPECT_EQ(cut_size(64 * 1024 + 1), 128U * 1024);
}

}  // namespace
}  // namespace tensile
