// Kernels of reductions over the present rows: to one row (column sums, moments, gradients of normalisation parameters)
// and to one number. They add up in the order of graph/blocked_sum.h: blocks of kSumBlock items, then the blocks in
// order. Tiles own columns, or blocks whose sums a last tile adds up.
#include <cmath>
#include <initializer_list>

#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"
#include "graph/blocked_sum.h"
#include "graph/ops/masked_mean.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/reductions.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// Sum of term(row) over rows [0, rows), in blocks.
template <typename Term>
HWY_INLINE FloatVector sum_rows(std::int64_t rows, const Term& term) {
    const FloatTag d;
    FloatVector total = hn::Zero(d);
    for (std::int64_t begin = 0; begin < rows; begin += kSumBlock) {
        const std::int64_t end = std::min(begin + kSumBlock, rows);
        FloatVector block = hn::Zero(d);
        for (std::int64_t row = begin; row < end; ++row)
            block = hn::Add(block, term(row));
        total = hn::Add(total, block);
    }
    return total;
}

// Four vectors of columns at a time: additions overlap, and each row gives whole runs of cache lines.
HWY_INLINE void sum_four_columns(const float* x, std::int64_t rows, std::int64_t width, float* y) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    FloatVector total0 = hn::Zero(d);
    FloatVector total1 = total0;
    FloatVector total2 = total0;
    FloatVector total3 = total0;
    for (std::int64_t begin = 0; begin < rows; begin += kSumBlock) {
        const std::int64_t end = std::min(begin + kSumBlock, rows);
        FloatVector block0 = hn::Zero(d);
        FloatVector block1 = block0;
        FloatVector block2 = block0;
        FloatVector block3 = block0;
        for (std::int64_t row = begin; row < end; ++row) {
            const float* from = x + row * width;
            block0 = hn::Add(block0, hn::LoadU(d, from));
            block1 = hn::Add(block1, hn::LoadU(d, from + lanes));
            block2 = hn::Add(block2, hn::LoadU(d, from + 2 * lanes));
            block3 = hn::Add(block3, hn::LoadU(d, from + 3 * lanes));
        }
        total0 = hn::Add(total0, block0);
        total1 = hn::Add(total1, block1);
        total2 = hn::Add(total2, block2);
        total3 = hn::Add(total3, block3);
    }
    hn::StoreU(total0, d, y);
    hn::StoreU(total1, d, y + lanes);
    hn::StoreU(total2, d, y + 2 * lanes);
    hn::StoreU(total3, d, y + 3 * lanes);
}

void column_sum_columns(const TileCall& call) noexcept {
    const std::int64_t rows = call.inputs[0].extent;
    const std::int64_t width = call.inputs[0].type.shape[1];
    std::int64_t first = call.begin;
    for (; first + 4 * lane_count() <= call.end; first += 4 * lane_count())
        sum_four_columns(call.input(0) + first, rows, width, call.output(0) + first);
    for_columns(first, call.end, [&](std::int64_t column, auto access) {
        const float* x = call.input(0) + column;
        access.store(sum_rows(rows, [&](std::int64_t row) { return access.load(x + row * width); }),
                     call.output(0) + column);
    });
}

void batch_moments_columns(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t rows = call.inputs[0].extent;
    const std::int64_t width = call.inputs[0].type.shape[1];
    const FloatVector count = hn::Set(d, static_cast<float>(std::max<std::int64_t>(rows, 1)));
    for_columns(call.begin, call.end, [&](std::int64_t column, auto access) {
        const float* x = call.input(0) + column;
        const FloatVector mean =
            hn::Div(sum_rows(rows, [&](std::int64_t row) { return access.load(x + row * width); }), count);
        const FloatVector squares = sum_rows(rows, [&](std::int64_t row) {
            const FloatVector deviation = hn::Sub(access.load(x + row * width), mean);
            return hn::Mul(deviation, deviation);
        });
        access.store(mean, call.output(0) + column);
        access.store(hn::Div(squares, count), call.output(1) + column);
    });
}

// 1 / sqrt(variance + epsilon)
HWY_INLINE FloatVector inverse_deviation(const TileCall& call, FloatVector variance) {
    const FloatTag d;
    const FloatVector epsilon = hn::Set(d, static_cast<float>(call.attributes.number("epsilon")));
    return hn::Div(hn::Set(d, 1.0F), hn::Sqrt(hn::Add(variance, epsilon)));
}

// All outputs of batch_norm_gradient_reductions from the two sums over rows.
template <typename Access>
HWY_INLINE void store_norm_gradients(const TileCall& call, std::int64_t column, FloatVector dbeta, FloatVector dgamma,
                                     const Access& access) {
    const FloatTag d;
    const FloatVector inverse = inverse_deviation(call, access.load(call.input(2) + column));
    const FloatVector scaled = hn::Mul(access.load(call.input(3) + column), inverse);
    access.store(hn::Neg(hn::Mul(scaled, dbeta)), call.output(0) + column);
    access.store(hn::Mul(hn::Mul(hn::Set(d, -0.5F), hn::Mul(scaled, inverse)), dgamma), call.output(1) + column);
    access.store(dgamma, call.output(2) + column);
    access.store(dbeta, call.output(3) + column);
}

void batch_norm_gradient_columns(const TileCall& call) noexcept {
    const std::int64_t rows = call.inputs[0].extent;
    const std::int64_t width = call.inputs[0].type.shape[1];
    for_columns(call.begin, call.end, [&](std::int64_t column, auto access) {
        const float* x = call.input(0) + column;
        const float* dy = call.input(4) + column;
        const FloatVector mean = access.load(call.input(1) + column);
        const FloatVector inverse = inverse_deviation(call, access.load(call.input(2) + column));
        const FloatVector dbeta = sum_rows(rows, [&](std::int64_t row) { return access.load(dy + row * width); });
        const FloatVector dgamma = sum_rows(rows, [&](std::int64_t row) {
            const FloatVector deviation = hn::Sub(access.load(x + row * width), mean);
            return hn::Mul(hn::Mul(access.load(dy + row * width), deviation), inverse);
        });
        store_norm_gradients(call, column, dbeta, dgamma, access);
    });
}

void layer_norm_gradient_columns(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t rows = call.inputs[0].extent;
    const std::int64_t width = call.inputs[0].type.shape[1];
    const float* mean = call.input(1);
    const float* inverse_deviation = call.input(2);
    for_columns(call.begin, call.end, [&](std::int64_t column, auto access) {
        const float* x = call.input(0) + column;
        const float* dy = call.input(3) + column;
        const FloatVector dgamma = sum_rows(rows, [&](std::int64_t row) {
            const FloatVector deviation = hn::Sub(access.load(x + row * width), hn::Set(d, mean[row]));
            return hn::Mul(hn::Mul(access.load(dy + row * width), deviation), hn::Set(d, inverse_deviation[row]));
        });
        const FloatVector dbeta = sum_rows(rows, [&](std::int64_t row) { return access.load(dy + row * width); });
        access.store(dgamma, call.output(0) + column);
        access.store(dbeta, call.output(1) + column);
    });
}

HWY_INLINE std::int64_t blocks_of(std::int64_t count) {
    return (count + kSumBlock - 1) / kSumBlock;
}

// Matrices with very many rows (pixels of feature maps) are cut into blocks of rows as well, or a tile would take too
// long and a few columns would keep few threads busy: one phase writes the sums of each block of kSumBlock rows to the
// scratch, another adds them up in order. Terms says what is summed: kSums vectors a row.
constexpr std::int64_t kManyRows = 8192;

struct ColumnValues {
    static constexpr std::size_t kSums = 1;
    template <typename Access>
    ColumnValues(const TileCall& call, std::int64_t, const Access&) : x(call.input(0)) {}
    template <typename Access>
    HWY_INLINE void add(std::int64_t at, const Access& access, FloatVector& sum, FloatVector&) const {
        sum = hn::Add(sum, access.load(x + at));
    }
    const float* x;
};

struct SquaredDeviations {
    static constexpr std::size_t kSums = 1;
    template <typename Access>
    SquaredDeviations(const TileCall& call, std::int64_t column, const Access& access)
        : x(call.input(0)), mean(access.load(call.output(0) + column)) {}
    template <typename Access>
    HWY_INLINE void add(std::int64_t at, const Access& access, FloatVector& sum, FloatVector&) const {
        const FloatVector deviation = hn::Sub(access.load(x + at), mean);
        sum = hn::Add(sum, hn::Mul(deviation, deviation));
    }
    const float* x;
    FloatVector mean;
};

// dbeta and dgamma of batch normalisation.
struct NormGradients {
    static constexpr std::size_t kSums = 2;
    template <typename Access>
    NormGradients(const TileCall& call, std::int64_t column, const Access& access)
        : x(call.input(0)),
          dy(call.input(4)),
          mean(access.load(call.input(1) + column)),
          inverse(inverse_deviation(call, access.load(call.input(2) + column))) {}
    template <typename Access>
    HWY_INLINE void add(std::int64_t at, const Access& access, FloatVector& beta, FloatVector& gamma) const {
        const FloatVector gradient = access.load(dy + at);
        beta = hn::Add(beta, gradient);
        gamma = hn::Add(gamma, hn::Mul(hn::Mul(gradient, hn::Sub(access.load(x + at), mean)), inverse));
    }
    const float* x;
    const float* dy;
    FloatVector mean;
    FloatVector inverse;
};

// Tiles are blocks of rows; those beyond the extent have no sums.
template <typename Terms>
void sum_row_blocks(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t rows = call.inputs[0].extent;
    const std::int64_t width = call.inputs[0].type.shape[1];
    auto* sums = reinterpret_cast<float*>(call.scratch);
    for (std::int64_t block = call.begin; block < std::min(call.end, blocks_of(rows)); ++block) {
        const std::int64_t end = std::min((block + 1) * kSumBlock, rows);
        for_columns(0, width, [&](std::int64_t column, auto access) {
            const Terms terms(call, column, access);
            FloatVector first = hn::Zero(d);
            FloatVector second = first;
            for (std::int64_t row = block * kSumBlock; row < end; ++row)
                terms.add(row * width + column, access, first, second);
            float* target = sums + block * static_cast<std::int64_t>(Terms::kSums) * width + column;
            access.store(first, target);
            if constexpr (Terms::kSums == 2) access.store(second, target + width);
        });
    }
}

// Total of sum `number` of `kSums` in a vector of columns, first block first.
template <typename Terms, typename Access>
HWY_INLINE FloatVector total_of_blocks(const TileCall& call, std::int64_t column, std::int64_t number,
                                       const Access& access) {
    const std::int64_t width = call.inputs[0].type.shape[1];
    const auto* sums = reinterpret_cast<const float*>(call.scratch) + number * width + column;
    FloatVector total = hn::Zero(FloatTag());
    for (std::int64_t block = 0; block < blocks_of(call.inputs[0].extent); ++block)
        total = hn::Add(total, access.load(sums + block * static_cast<std::int64_t>(Terms::kSums) * width));
    return total;
}

// Tiles of these are columns.
void column_sum_of_blocks(const TileCall& call) noexcept {
    for_columns(call.begin, call.end, [&](std::int64_t column, auto access) {
        access.store(total_of_blocks<ColumnValues>(call, column, 0, access), call.output(0) + column);
    });
}

template <typename Terms, std::size_t output>
void mean_of_blocks(const TileCall& call) noexcept {
    const std::int64_t rows = call.inputs[0].extent;
    const FloatVector count = hn::Set(FloatTag(), static_cast<float>(std::max<std::int64_t>(rows, 1)));
    for_columns(call.begin, call.end, [&](std::int64_t column, auto access) {
        access.store(hn::Div(total_of_blocks<Terms>(call, column, 0, access), count), call.output(output) + column);
    });
}

void batch_norm_gradient_of_blocks(const TileCall& call) noexcept {
    for_columns(call.begin, call.end, [&](std::int64_t column, auto access) {
        store_norm_gradients(call, column, total_of_blocks<NormGradients>(call, column, 0, access),
                             total_of_blocks<NormGradients>(call, column, 1, access), access);
    });
}

struct RowBlockStep {
    TileFunction blocks;
    TileFunction columns;
};

// By columns where that is short enough, else each of `steps` as two phases.
KernelPlan column_reduction_plan(const NodeTypes& node, TileFunction at_once, std::size_t sums,
                                 std::initializer_list<RowBlockStep> steps) {
    const Shape& shape = node.inputs[0].shape;
    if (shape.rows() <= kManyRows) return column_plan(node, 0, at_once);
    constexpr std::int64_t kElements = 4 * kElementsPerTile;
    const std::int64_t per_tile =
        std::max<std::int64_t>(kElements / (kSumBlock * std::max<std::int64_t>(shape[1], 1)), 1);
    KernelPlan plan;
    for (const RowBlockStep& step : steps) {
        plan.phases.push_back({step.blocks, blocks_of(shape.rows()), per_tile});
        plan.phases.push_back({step.columns, shape[1], kColumnsPerTile});
    }
    plan.scratch_bytes = static_cast<std::size_t>(blocks_of(shape.rows()) * shape[1]) * sums * sizeof(float);
    return plan;
}

struct Itself {
    FloatVector operator()(FloatVector x) const { return x; }
};
struct Squared {
    FloatVector operator()(FloatVector x) const { return hn::Mul(x, x); }
};
struct Product {
    FloatVector operator()(FloatVector a, FloatVector b) const { return hn::Mul(a, b); }
};

HWY_INLINE std::int64_t present_elements(const TensorView& view) {
    return view.extent * view.type.shape.row_width();
}

// Sum of block `block` of term over the elements of one or two arrays.
template <typename Term>
HWY_INLINE float block_sum(const TileCall& call, std::int64_t block, std::int64_t present) {
    const std::int64_t begin = block * kSumBlock;
    const std::int64_t count = std::min(kSumBlock, present - begin);
    if constexpr (std::is_same_v<Term, Product>) {
        return sum_of(count, Term(), call.input(0) + begin, call.input(1) + begin);
    } else {
        return sum_of(count, Term(), call.input(0) + begin);
    }
}

// First phase: each tile owns blocks and writes their sums to the scratch.
template <typename Term>
void sum_blocks(const TileCall& call) noexcept {
    const std::int64_t present = present_elements(call.inputs[0]);
    const std::int64_t end = std::min(call.end, blocks_of(present));
    auto* sums = reinterpret_cast<float*>(call.scratch);
    for (std::int64_t block = call.begin; block < end; ++block)
        sums[block] = block_sum<Term>(call, block, present);
}

void add_block_sums(const TileCall& call) noexcept {
    const auto* sums = reinterpret_cast<const float*>(call.scratch);
    const std::int64_t blocks = blocks_of(present_elements(call.inputs[0]));
    float total = 0;
    for (std::int64_t block = 0; block < blocks; ++block)
        total += sums[block];
    *call.output(0) = total;
}

template <typename Term>
void sum_at_once(const TileCall& call) noexcept {
    const std::int64_t present = present_elements(call.inputs[0]);
    float total = 0;
    for (std::int64_t block = 0; block < blocks_of(present); ++block)
        total += block_sum<Term>(call, block, present);
    *call.output(0) = total;
}

template <typename Term>
KernelPlan total_plan(const NodeTypes& node) {
    constexpr std::int64_t kBlocksPerTile = 2 * kElementsPerTile / kSumBlock;
    const std::int64_t blocks = blocks_of(node.inputs[0].shape.elements());
    if (blocks <= kBlocksPerTile) return single_tile_plan(&sum_at_once<Term>);
    return {{{&sum_blocks<Term>, blocks, kBlocksPerTile}, {&add_block_sums, 1, 1}},
            static_cast<std::size_t>(blocks) * sizeof(float)};
}

HWY_INLINE float sum_of_rows(const TensorView& view) {
    const auto* values = static_cast<const float*>(view.data);
    float total = 0;
    for (std::int64_t begin = 0; begin < view.extent; begin += kSumBlock)
        total += sum_of(std::min(kSumBlock, view.extent - begin), Itself(), values + begin);
    return total;
}

HWY_INLINE float divisor_of(const TensorView& weights) {
    return std::max(sum_of_rows(weights), static_cast<float>(ops::kSmallestWeightSum));
}

void masked_mean_tile(const TileCall& call) noexcept {
    *call.output(0) = sum_of_rows(call.inputs[0]) / divisor_of(call.inputs[1]);
}

void masked_mean_gradient_tile(const TileCall& call) noexcept {
    const float value = call.scalar(1) / divisor_of(call.inputs[0]);
    const std::int64_t extent = call.outputs[0].extent;
    std::fill(call.output(0), call.output(0) + extent, value);
    std::fill(call.output(0) + extent, call.output(0) + call.outputs[0].type.shape.rows(), 0.0F);
}

}  // namespace

void add_reductions(KernelTable& table) {
    table.add_plan("column_sum", [](const NodeTypes& node) {
        return column_reduction_plan(node, &column_sum_columns, 1,
                                     {{&sum_row_blocks<ColumnValues>, &column_sum_of_blocks}});
    });
    table.add_plan("batch_moments", [](const NodeTypes& node) {
        return column_reduction_plan(node, &batch_moments_columns, 1,
                                     {{&sum_row_blocks<ColumnValues>, &mean_of_blocks<ColumnValues, 0>},
                                      {&sum_row_blocks<SquaredDeviations>, &mean_of_blocks<SquaredDeviations, 1>}});
    });
    table.add_plan("batch_norm_gradient_reductions", [](const NodeTypes& node) {
        return column_reduction_plan(node, &batch_norm_gradient_columns, NormGradients::kSums,
                                     {{&sum_row_blocks<NormGradients>, &batch_norm_gradient_of_blocks}});
    });
    table.add_plan("layer_norm_gradient_parameters",
                   [](const NodeTypes& node) { return column_plan(node, 0, &layer_norm_gradient_columns); });
    table.add_plan("sum_all", &total_plan<Itself>);
    table.add_plan("sum_of_squares", &total_plan<Squared>);
    table.add_plan("inner_product", &total_plan<Product>);
    table.add_plan("masked_mean", [](const NodeTypes&) { return single_tile_plan(&masked_mean_tile); });
    table.add_plan("masked_mean_gradient",
                   [](const NodeTypes&) { return single_tile_plan(&masked_mean_gradient_tile); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_reductions);
void add_reduction_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_reductions)(table);
}
}  // namespace tensile
#endif
