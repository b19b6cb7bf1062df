// Matrix products: every way of cutting and packing them against a plain loop, and rows whose bits do not depend on how
// many are computed at once.
#include "device/cpu/matmul_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/random.h"

namespace tensile::test {

namespace {

std::vector<float> random_floats(std::int64_t count, std::uint64_t stream) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i)
        values[static_cast<std::size_t>(i)] =
            static_cast<float>(2 * random_uniform(11, stream, static_cast<std::uint64_t>(i)) - 1);
    return values;
}

struct Case {
    MatmulProblem problem;
    MatmulBlocks blocks;
    std::int64_t present_inner = std::numeric_limits<std::int64_t>::max();
    std::int64_t present_rows = std::numeric_limits<std::int64_t>::max();
};

void check(const Case& test) {
    const MatmulProblem& problem = test.problem;
    std::vector<float> a = random_floats(problem.rows * problem.inner, 1);
    std::vector<float> b = random_floats(problem.inner * problem.columns, 2);
    const std::int64_t present = std::min(problem.inner, test.present_inner);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    // Terms that are not there: anything in a, zeros in b.
    for (std::int64_t k = present; k < problem.inner; ++k) {
        for (std::int64_t i = 0; i < problem.rows; ++i)
            a[static_cast<std::size_t>(k * problem.rows + i)] = nan;
        for (std::int64_t j = 0; j < problem.columns; ++j)
            b[static_cast<std::size_t>(k * problem.columns + j)] = 0;
    }
    std::vector<float> y(static_cast<std::size_t>(problem.rows * problem.columns), nan);
    const OnednnLibrary library;
    const MatmulKernel kernel(library, problem, test.blocks);
    MatmulKernel::Workspace workspace = kernel.make_workspace();
    std::vector<std::byte> scratch(kernel.scratch_bytes() + 64);
    for (std::int64_t tile = 0; tile < kernel.tiles(); ++tile)
        kernel.run(tile, {a.data(), b.data(), y.data(), test.present_inner, test.present_rows}, workspace,
                   scratch.data());
    for (std::int64_t i = 0; i < problem.rows; ++i) {
        for (std::int64_t j = 0; j < problem.columns; ++j) {
            double sum = 0;
            for (std::int64_t k = 0; k < present && i < test.present_rows; ++k) {
                const std::int64_t at_a = problem.transpose_a ? k * problem.rows + i : i * problem.inner + k;
                const std::int64_t at_b = problem.transpose_b ? j * problem.inner + k : k * problem.columns + j;
                sum += static_cast<double>(a[static_cast<std::size_t>(at_a)]) *
                       static_cast<double>(b[static_cast<std::size_t>(at_b)]);
            }
            ASSERT_NEAR(y[static_cast<std::size_t>(i * problem.columns + j)], sum,
                        1e-5 * std::sqrt(static_cast<double>(problem.inner)))
                << "row " << i << " column " << j;
        }
    }
}

TEST(MatmulKernel, ComputesEveryCut) {
    for (const bool transpose_a : {false, true}) {
        for (const bool transpose_b : {false, true}) {
            SCOPED_TRACE(std::string(transpose_a ? "transpose_a " : "") + (transpose_b ? "transpose_b" : ""));
            const auto problem = [&](std::int64_t rows, std::int64_t inner, std::int64_t columns) {
                return MatmulProblem{rows, inner, columns, transpose_a, transpose_b};
            };
            check({problem(70, 33, 50), {16, 50, 33}});
            check({problem(70, 33, 50), {70, 20, 33}});
            check({problem(70, 130, 50), {32, 50, 64}});
            check({problem(70, 130, 50), {32, 48, 64}});
            check({problem(5, 3, 1), {16, 1, 3}});
            check({problem(1, 1, 1), {1, 1, 1}});
            check({problem(64, 256, 128), {32, 64, 128}});
        }
    }
}

TEST(MatmulKernel, StopsAtTheExtent) {
    for (const std::int64_t present : {0, 1, 63, 64, 65, 129, 130})
        check({{70, 130, 50, true, false}, {32, 50, 64}, present});
    for (const std::int64_t present : {0, 1, 32, 40, 70})
        check({{70, 130, 50, false, false}, {32, 16, 64}, std::numeric_limits<std::int64_t>::max(), present});
}

// Each group's product has the bits that it has alone, whatever the cut.
TEST(MatmulKernel, GroupsAreIndependentProducts) {
    for (const bool transpose_a : {false, true}) {
        for (const bool transpose_b : {false, true}) {
            MatmulProblem problem{70, 33, 50, transpose_a, transpose_b};
            const MatmulBlocks blocks{32, 20, 33};
            constexpr std::int64_t kGroups = 3;
            const std::vector<float> a = random_floats(kGroups * problem.rows * problem.inner, 5);
            const std::vector<float> b = random_floats(kGroups * problem.inner * problem.columns, 6);
            const std::int64_t of_group = problem.rows * problem.columns;
            const OnednnLibrary library;
            const auto product = [&](const float* left, const float* right) {
                const MatmulKernel kernel(library, problem, blocks);
                MatmulKernel::Workspace workspace = kernel.make_workspace();
                std::vector<std::byte> scratch(kernel.scratch_bytes() + 64);
                std::vector<float> y(static_cast<std::size_t>(problem.groups * of_group));
                constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
                for (std::int64_t tile = 0; tile < kernel.tiles(); ++tile)
                    kernel.run(tile, {left, right, y.data(), kAll, kAll}, workspace, scratch.data());
                return y;
            };
            problem.groups = kGroups;
            const std::vector<float> together = product(a.data(), b.data());
            problem.groups = 1;
            for (std::int64_t group = 0; group < kGroups; ++group) {
                const std::vector<float> alone = product(a.data() + group * problem.rows * problem.inner,
                                                         b.data() + group * problem.inner * problem.columns);
                EXPECT_EQ(std::memcmp(alone.data(), together.data() + group * of_group, alone.size() * sizeof(float)),
                          0)
                    << "group " << group << (transpose_a ? " transpose_a" : "") << (transpose_b ? " transpose_b" : "");
            }
        }
    }
}

TEST(MatmulKernel, SmallBlocksAreTakenTogether) {
    const auto at_a_time = [](const MatmulProblem& problem) {
        return blocks_at_a_time(problem, output_blocks(problem));
    };
    EXPECT_EQ(at_a_time({64, 64, 64}), 1);
    EXPECT_EQ(at_a_time({512, 512, 512, false, false, 4}), 1);
    EXPECT_GT(at_a_time({8, 8, 8, false, false, 1000}), 4);
    // There are tiles for all threads.
    EXPECT_LE(at_a_time({8, 8, 8, false, false, 32}), 4);
    EXPECT_EQ(at_a_time({8, 8, 8, false, false, 3}), 1);
}

TEST(MatmulKernel, ChosenBlocksAreShortEnoughAndCoverTheResult) {
    for (const MatmulProblem& problem :
         {MatmulProblem{25088, 256, 4096, true, false}, MatmulProblem{256, 25088, 4096, false, false},
          MatmulProblem{32, 4096, 512, true, false}, MatmulProblem{3, 256, 1, true, false}}) {
        const MatmulBlocks blocks = output_blocks(problem);
        EXPECT_GE(blocks.rows, std::min<std::int64_t>(problem.rows, 16));
        EXPECT_LE(blocks.columns, problem.columns);
        EXPECT_LE(blocks.inner, problem.inner);
        const double flops =
            2.0 * static_cast<double>(blocks.rows * blocks.columns) * static_cast<double>(problem.inner);
        // 5 ms at 80 Gflop/s.
        EXPECT_LE(flops, 400e6);
    }
}

// Single and batched prediction must agree bit for bit. Where rows_are_independent() says so, any number of rows gives
// the same bits; elsewhere the lowering uses one fixed number.
TEST(OnednnMatmul, RowsAreIndependent) {
    const OnednnLibrary library;
    if (!OnednnLibrary::rows_are_independent()) GTEST_SKIP() << "row tiles are fixed on this machine";
    constexpr std::int64_t kMost = 300;
    int compared = 0;
    for (const std::int64_t inner : {1, 2, 7, 16, 33, 64, 100, 256, 500, 512, 1000, 1024}) {
        for (const std::int64_t columns : {1, 2, 3, 10, 16, 31, 64, 100, 128, 256, 300, 512, 1024}) {
            for (const bool transpose_b : {false, true}) {
                if (transpose_b && inner * columns > 100000) continue;
                const std::vector<float> a = random_floats(kMost * inner, 3);
                const std::vector<float> b = random_floats(inner * columns, 4);
                const auto product = [&](std::int64_t rows, std::int64_t first) {
                    const OnednnMatmul matmul(library, {rows, inner, columns, transpose_b, false});
                    OnednnMatmul::Call call = matmul.make_call();
                    std::vector<float> y(static_cast<std::size_t>(rows * columns));
                    std::vector<std::byte> scratch(matmul.scratch_bytes() + 64);
                    matmul.run(call, a.data() + first * inner, b.data(), y.data(), scratch.data());
                    return y;
                };
                const std::vector<float> all = product(kMost, 0);
                for (const std::int64_t rows : {1, 3, 16, 32, 64}) {
                    const std::int64_t first = (inner * 7 + rows) % (kMost - rows);
                    const std::vector<float> some = product(rows, first);
                    ASSERT_EQ(std::memcmp(some.data(), all.data() + first * columns, some.size() * sizeof(float)), 0)
                        << rows << " of " << kMost << " rows, inner " << inner << ", columns " << columns
                        << (transpose_b ? ", transposed" : "");
                    ++compared;
                }
            }
        }
    }
    EXPECT_GT(compared, 1000);
}

}  // namespace

}  // namespace tensile::test
