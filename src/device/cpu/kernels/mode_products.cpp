// Products along a mode of a tensor and the gradients of their matrices. The blocks of one row are small (tens of rows
// and columns), too small to be handed to a library one by one, so a register-blocked product of our own runs over
// them: broadcast elements of the left operand times vectors of the right one's rows. Where a block of the right
// operand is not stored by rows, or is narrower than the vectors, blocks are packed side by side on the stack first.
//
// Every element of a product is summed over the mode in order, whatever blocks it is computed with: its bits do not
// depend on the rows beside it.
#include "graph/ops/mode_product.h"

#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"
#include "device/cpu/kernels/packing.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/mode_products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

using ops::ModeAxis;
using ops::ModeProblem;

// Rows and vectors of one register block; AVX-512 has twice as many registers.
constexpr int kBlockRows = HWY_TARGET <= HWY_AVX3 ? 8 : 4;
constexpr int kBlockVectors = 2;
// A packed panel: terms by columns, 32 KB.
constexpr std::int64_t kPanelTerms = 256;
constexpr std::int64_t kPanelColumns = 32;
// Fewer rows or terms than these are not worth the packing of narrow blocks.
constexpr std::int64_t kFewestRowsToPack = 16;

// Left operand of a block: element (row, term) is at data[row * row_stride + term * term_stride]. Several pieces of
// `terms` each may follow, `starts[i]` from data, each with the next `terms` rows of the right operand.
struct Left {
    const float* data;
    std::int64_t row_stride;
    std::int64_t term_stride;
    const std::int64_t* starts;
    std::int64_t pieces;
};

constexpr std::int64_t kNoOffset[] = {0};

// Eight columns where vectors are longer: the usual number of features. Some processors compute short vectors twice as
// fast, and none slower.
constexpr std::int64_t kShortLanes = 8;
struct ShortVector {
    using Tag = hn::CappedTag<float, static_cast<std::size_t>(kShortLanes)>;
    HWY_INLINE hn::Vec<Tag> load(const float* from) const { return hn::LoadU(Tag(), from); }
    HWY_INLINE void store(hn::Vec<Tag> value, float* to) const { hn::StoreU(value, Tag(), to); }
};

// y [kRows, columns of the vectors] (+)= left right; all vectors but the last are full.
template <int kRows, int kVectors, typename Last>
HWY_INLINE void multiply_block(const Left& left, std::int64_t terms, const float* right, std::int64_t right_stride,
                               bool accumulate, float* y, std::int64_t y_stride, const Last& last) {
    using Vector = decltype(last.load(y));
    const hn::DFromV<Vector> d;
    const std::int64_t lanes = lane_count();
    Vector sums[kRows][kVectors];
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
        float* target = y + row * y_stride;
#pragma GCC unroll 2
        for (int v = 0; v + 1 < kVectors; ++v)
            sums[row][v] = accumulate ? hn::LoadU(d, target + v * lanes) : hn::Zero(d);
        sums[row][kVectors - 1] = accumulate ? last.load(target + (kVectors - 1) * lanes) : hn::Zero(d);
    }
    for (std::int64_t piece = 0; piece < left.pieces; ++piece) {
        const float* a = left.data + left.starts[piece];
        for (std::int64_t term = 0; term < terms; ++term) {
            Vector b[kVectors];
#pragma GCC unroll 2
            for (int v = 0; v + 1 < kVectors; ++v)
                b[v] = hn::LoadU(d, right + v * lanes);
            b[kVectors - 1] = last.load(right + (kVectors - 1) * lanes);
#pragma GCC unroll 8
            for (int row = 0; row < kRows; ++row) {
                const Vector factor = hn::Set(d, a[row * left.row_stride]);
#pragma GCC unroll 2
                for (int v = 0; v < kVectors; ++v)
                    sums[row][v] = hn::MulAdd(factor, b[v], sums[row][v]);
            }
            a += left.term_stride;
            right += right_stride;
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
        float* target = y + row * y_stride;
#pragma GCC unroll 2
        for (int v = 0; v + 1 < kVectors; ++v)
            hn::StoreU(sums[row][v], d, target + v * lanes);
        last.store(sums[row][kVectors - 1], target + (kVectors - 1) * lanes);
    }
}

// The same for any number of rows.
template <int kVectors, typename Last>
void multiply_rows(std::int64_t rows, Left left, std::int64_t terms, const float* right, std::int64_t right_stride,
                   bool accumulate, float* y, std::int64_t y_stride, const Last& last) {
    const auto block = [&](auto count) {
        constexpr int kRows = decltype(count)::value;
        multiply_block<kRows, kVectors>(left, terms, right, right_stride, accumulate, y, y_stride, last);
        left.data += kRows * left.row_stride;
        y += kRows * y_stride;
        rows -= kRows;
    };
    while (rows >= kBlockRows)
        block(std::integral_constant<int, kBlockRows>());
    if constexpr (kBlockRows > 4)
        if (rows >= 4) block(std::integral_constant<int, 4>());
    if (rows >= 2) block(std::integral_constant<int, 2>());
    if (rows >= 2) block(std::integral_constant<int, 2>());
    if (rows >= 1) block(std::integral_constant<int, 1>());
}

// y [rows, columns] (+)= left right, right [pieces terms, columns] by rows.
void multiply(std::int64_t rows, std::int64_t terms, std::int64_t columns, const Left& left, const float* right,
              std::int64_t right_stride, bool accumulate, float* y, std::int64_t y_stride) {
    const std::int64_t lanes = lane_count();
    std::int64_t column = 0;
    for (; column + kBlockVectors * lanes <= columns; column += kBlockVectors * lanes)
        multiply_rows<kBlockVectors>(rows, left, terms, right + column, right_stride, accumulate, y + column, y_stride,
                                     FullVector());
    const std::int64_t rest = columns - column;
    if (rest == lanes)
        multiply_rows<1>(rows, left, terms, right + column, right_stride, accumulate, y + column, y_stride,
                         FullVector());
#if HWY_TARGET != HWY_SCALAR  // whose vectors are never partial
    if (rest == kShortLanes && lanes > kShortLanes)
        multiply_rows<1>(rows, left, terms, right + column, right_stride, accumulate, y + column, y_stride,
                         ShortVector());
    else if (rest > lanes)
        multiply_rows<2>(rows, left, terms, right + column, right_stride, accumulate, y + column, y_stride,
                         PartialVector{rest - lanes});
    else if (rest > 0 && rest < lanes)
        multiply_rows<1>(rows, left, terms, right + column, right_stride, accumulate, y + column, y_stride,
                         PartialVector{rest});
#endif
}

// Where A_g [m, n] is: strides of m and n.
struct Matrices {
    const float* data;
    std::int64_t row_stride;
    std::int64_t term_stride;

    Matrices(const ModeProblem& problem, const float* all, std::int64_t group)
        : data(all + group * problem.rows * problem.size),
          row_stride(problem.transpose ? 1 : problem.size),
          term_stride(problem.transpose ? problem.rows : 1) {}
};

// The last axis: y [outer, M] = x [outer, N] transposed(A_g), for all blocks of the rows at once where there is one
// group.
void product_of_last_axis(const ModeProblem& problem, const TileCall& call) {
    const ModeAxis& axis = problem.axis;
    const bool one = axis.groups == 1;
    const std::int64_t blocks = (call.end - call.begin) * problem.repeats;  // of each group
    const std::int64_t rows = one ? blocks * axis.outer : axis.outer;
    const bool by_rows = problem.transpose || problem.rows == 1 || problem.size == 1;
    HWY_ALIGN float panel[kPanelTerms * kPanelColumns];
    for (std::int64_t group = 0; group < axis.groups; ++group) {
        const float* stored = call.input(1) + group * problem.rows * problem.size;
        const auto multiply_all = [&](std::int64_t column, std::int64_t columns, std::int64_t term, std::int64_t terms,
                                      const float* right, std::int64_t right_stride) {
            for (std::int64_t block = 0; block < (one ? 1 : blocks); ++block) {
                const std::int64_t at = call.begin * problem.repeats * axis.groups + block * axis.groups + group;
                const Left left{call.input(0) + at * axis.outer * problem.size + term, problem.size, 1, kNoOffset, 1};
                multiply(rows, terms, columns, left, right, right_stride, term > 0,
                         call.output(0) + at * axis.outer * problem.rows + column, problem.rows);
            }
        };
        if (by_rows) {
            multiply_all(0, problem.rows, 0, problem.size, stored, problem.rows);
            continue;
        }
        for (std::int64_t column = 0; column < problem.rows; column += kPanelColumns) {
            const std::int64_t columns = std::min(kPanelColumns, problem.rows - column);
            for (std::int64_t term = 0; term < problem.size; term += kPanelTerms) {
                const std::int64_t terms = std::min(kPanelTerms, problem.size - term);
                pack_transposed(stored + column * problem.size + term, problem.size, columns, terms, columns, panel);
                multiply_all(column, columns, term, terms, panel, columns);
            }
        }
    }
}

// Blocks [N, inner] narrower than the vectors, several side by side: panel [N, blocks inner].
void product_of_narrow_blocks(const ModeProblem& problem, const TileCall& call) {
    const ModeAxis& axis = problem.axis;
    const std::int64_t inner = axis.inner;
    const std::int64_t at_once = kPanelColumns / inner;
    const std::int64_t blocks = (call.end - call.begin) * problem.repeats * axis.outer;  // of each group
    HWY_ALIGN float panel[kPanelTerms * kPanelColumns];
    HWY_ALIGN float result[kPanelTerms * kPanelColumns];
    for (std::int64_t group = 0; group < axis.groups; ++group) {
        const Matrices matrices(problem, call.input(1), group);
        for (std::int64_t first = 0; first < blocks; first += at_once) {
            const std::int64_t count = std::min(at_once, blocks - first);
            const std::int64_t columns = count * inner;
            const auto place = [&](std::int64_t block) {
                return ((call.begin * problem.repeats + block / axis.outer) * axis.groups + group) * axis.outer +
                       block % axis.outer;
            };
            for (std::int64_t i = 0; i < count; ++i)
                copy_block(call.input(0) + place(first + i) * problem.size * inner, inner, problem.size, inner,
                           panel + i * inner, columns);
            for (std::int64_t row = 0; row < problem.rows; row += kPanelTerms) {
                const std::int64_t rows = std::min(kPanelTerms, problem.rows - row);
                const Left left{matrices.data + row * matrices.row_stride, matrices.row_stride, matrices.term_stride,
                                kNoOffset, 1};
                multiply(rows, problem.size, columns, left, panel, columns, false, result, columns);
                for (std::int64_t i = 0; i < count; ++i)
                    copy_block(result + i * inner, columns, rows, inner,
                               call.output(0) + (place(first + i) * problem.rows + row) * inner, inner);
            }
        }
    }
}

void mode_product_rows(const TileCall& call) noexcept {
    const ModeProblem problem = ModeProblem::of_product(call.inputs[0].type, call.inputs[1].type, call.attributes);
    const ModeAxis& axis = problem.axis;
    if (axis.inner == 1) return product_of_last_axis(problem, call);
    if (axis.inner < 2 * lane_count() && axis.inner * 2 <= kPanelColumns && problem.size <= kPanelTerms &&
        std::min(problem.size, problem.rows) >= kFewestRowsToPack)
        return product_of_narrow_blocks(problem, call);
    const std::int64_t blocks = problem.repeats * axis.groups * axis.outer;
    for (std::int64_t block = call.begin * blocks; block < call.end * blocks; ++block) {
        const Matrices matrices(problem, call.input(1), block / axis.outer % axis.groups);
        const Left left{matrices.data, matrices.row_stride, matrices.term_stride, kNoOffset, 1};
        multiply(problem.rows, problem.size, axis.inner, left, call.input(0) + block * problem.size * axis.inner,
                 axis.inner, false, call.output(0) + block * problem.rows * axis.inner, axis.inner);
    }
}

// The gradient of the matrices as a sum of products of blocks: dA_g [left, right] = sum of left block times transposed
// right block, where dy is on the left unless the matrices are stored transposed. The rows of the batch are cut into
// spans, each with a partial gradient in the scratch if there are several, and the left side into bands.
struct GradientCut {
    ModeProblem problem;
    std::int64_t left = 1;   // rows of the stored matrix of a group
    std::int64_t right = 1;  // columns
    std::int64_t batch = 1;
    std::int64_t spans = 1;
    std::int64_t band = 1;  // of `left`
    std::int64_t bands = 1;

    GradientCut(const TensorType& x, const TensorType& dy, const Attributes& attributes)
        : problem(ModeProblem::of_gradient(x, dy, attributes)),
          left(problem.transpose ? problem.size : problem.rows),
          right(problem.transpose ? problem.rows : problem.size),
          batch(std::max<std::int64_t>(x.shape[0], 1)) {
        constexpr std::int64_t kWantedTiles = 8;
        constexpr double kMostFlopsPerTile = 50e6;
        constexpr std::int64_t kMostScratch = std::int64_t{8} << 20;
        const std::int64_t matrix_bytes = elements() * static_cast<std::int64_t>(sizeof(float));
        spans = std::clamp<std::int64_t>(kWantedTiles / problem.axis.groups, 1, batch);
        spans = std::clamp<std::int64_t>(kMostScratch / matrix_bytes, 1, spans);
        band = left;
        const double flops_of_span = problem.flops() * static_cast<double>(span()) /
                                     static_cast<double>(problem.axis.groups * left);  // for each row of the band
        while (band > kFewestRowsToPack && (flops_of_span * static_cast<double>(band) > kMostFlopsPerTile ||
                                            spans * problem.axis.groups * ((left + band - 1) / band) < kWantedTiles))
            band = (band / 2 + kBlockRows - 1) / kBlockRows * kBlockRows;
        bands = (left + band - 1) / band;
    }
    std::int64_t elements() const { return problem.axis.groups * left * right; }
    std::int64_t span() const { return (batch + spans - 1) / spans; }
    std::int64_t items() const { return spans * problem.axis.groups * bands; }
    double flops_of_item() const { return problem.flops() * static_cast<double>(batch) / static_cast<double>(items()); }
};

// Tiles are bands of a group's matrix in a span of the batch.
void mode_product_gradient_items(const TileCall& call) noexcept {
    const GradientCut cut(call.inputs[0].type, call.inputs[1].type, call.attributes);
    const ModeProblem& problem = cut.problem;
    const ModeAxis& axis = problem.axis;
    const float* left_data = call.input(problem.transpose ? 0 : 1);
    const float* right_data = call.input(problem.transpose ? 1 : 0);
    float* sums = cut.spans == 1 ? call.output(0) : reinterpret_cast<float*>(call.scratch);
    HWY_ALIGN float panel[kPanelTerms * kPanelColumns];
    std::int64_t starts[kPanelTerms];
    const std::int64_t inner = std::min(axis.inner, kPanelTerms);  // of a piece
    const std::int64_t at_once = kPanelTerms / inner;

    for (std::int64_t item = call.begin; item < call.end; ++item) {
        const std::int64_t band = item % cut.bands;
        const std::int64_t group = item / cut.bands % axis.groups;
        const std::int64_t span = item / cut.bands / axis.groups;
        const std::int64_t begin = span * cut.span();
        const std::int64_t end = std::min(begin + cut.span(), call.inputs[0].extent);
        const std::int64_t first_row = band * cut.band;
        const std::int64_t rows = std::min(cut.band, cut.left - first_row);
        float* target = sums + span * cut.elements() + (group * cut.left + first_row) * cut.right;
        const std::int64_t blocks = std::max<std::int64_t>(end - begin, 0) * problem.repeats * axis.outer;
        if (blocks == 0) std::fill_n(target, rows * cut.right, 0.0F);
        // The block's number among all blocks of all groups.
        const auto place = [&](std::int64_t block) {
            return ((begin * problem.repeats + block / axis.outer) * axis.groups + group) * axis.outer +
                   block % axis.outer;
        };
        // Along the last axis both operands lie as the product wants them, one after another within a group.
        if (axis.inner == 1 && (axis.groups == 1 || axis.outer >= kFewestRowsToPack)) {
            const std::int64_t terms = axis.groups == 1 ? blocks : axis.outer;
            for (std::int64_t first = 0; first < blocks; first += terms) {
                const Left left{left_data + place(first) * cut.left + first_row, 1, cut.left, kNoOffset, 1};
                multiply(rows, terms, cut.right, left, right_data + place(first) * cut.right, cut.right, first > 0,
                         target, cut.right);
            }
            continue;
        }
        for (std::int64_t column = 0; column < cut.right; column += kPanelColumns) {
            const std::int64_t columns = std::min(kPanelColumns, cut.right - column);
            bool accumulate = false;
            for (std::int64_t i = 0; i < axis.inner; i += inner) {
                const std::int64_t terms = std::min(inner, axis.inner - i);
                for (std::int64_t first = 0; first < blocks; first += at_once) {
                    const std::int64_t count = std::min(at_once, blocks - first);
                    for (std::int64_t piece = 0; piece < count; ++piece) {
                        const std::int64_t at = place(first + piece);
                        starts[piece] = at * cut.left * axis.inner;
                        const float* right = right_data + (at * cut.right + column) * axis.inner + i;
                        if (axis.inner == 1)
                            copy_block(right, columns, 1, columns, panel + piece * columns, columns);
                        else
                            pack_transposed(right, axis.inner, columns, terms, columns,
                                            panel + piece * terms * columns);
                    }
                    const Left left{left_data + first_row * axis.inner + i, axis.inner, 1, starts, count};
                    multiply(rows, terms, columns, left, panel, columns, accumulate, target + column, cut.right);
                    accumulate = true;
                }
            }
        }
    }
}

// dmatrix = sum of the spans' partial gradients, first span first. Tiles are elements.
void add_gradient_spans(const TileCall& call) noexcept {
    const FloatTag d;
    const GradientCut cut(call.inputs[0].type, call.inputs[1].type, call.attributes);
    const auto* partial = reinterpret_cast<const float*>(call.scratch);
    const std::int64_t count = call.end - call.begin;
    float* sum = call.output(0) + call.begin;
    std::copy_n(partial + call.begin, count, sum);
    for (std::int64_t span = 1; span < cut.spans; ++span)
        map(
            count, sum, [d](FloatVector a, FloatVector b) { return hn::Add(a, b); }, sum,
            partial + span * cut.elements() + call.begin);
}

KernelPlan mode_product_gradient_plan(const NodeTypes& node) {
    constexpr double kFlopsPerTile = 1e6;  // 20 us
    const GradientCut cut(node.inputs[0], node.inputs[1], node.attributes);
    const auto at_a_time =
        static_cast<std::int64_t>(std::clamp(kFlopsPerTile / std::max(cut.flops_of_item(), 1.0), 1.0, 1e6));
    const std::int64_t fair = std::max<std::int64_t>(cut.items() / 8, 1);
    KernelPlan plan{{{&mode_product_gradient_items, cut.items(), std::min(at_a_time, fair)}}, 0};
    if (cut.spans == 1) return plan;
    plan.scratch_bytes = static_cast<std::size_t>(cut.spans) * node.outputs[0].bytes();
    plan.phases.push_back({&add_gradient_spans, node.outputs[0].shape.elements(), kElementsPerTile});
    return plan;
}

// One value for each place of a mode, and back. Tiles are places of the result.
struct Places {
    ModeAxis axis;
    std::int64_t repeats;
    std::int64_t size;

    Places(const Attributes& attributes, std::int64_t values)
        : axis(ModeAxis::of(attributes)), repeats(attributes.integer("repeats")), size(values / axis.groups) {}
};

void spread_mode_elements(const TileCall& call) noexcept {
    const Places places(call.attributes, call.inputs[0].type.shape[0]);
    const ModeAxis& axis = places.axis;
    for (std::int64_t at = call.begin; at < call.end; ++at) {
        const std::int64_t n = at / axis.inner % places.size;
        const std::int64_t group = at / (axis.inner * places.size * axis.outer) % axis.groups;
        call.output(0)[at] = call.input(0)[group * places.size + n];
    }
}

void fold_mode_elements(const TileCall& call) noexcept {
    const Places places(call.attributes, call.outputs[0].type.shape[0]);
    const ModeAxis& axis = places.axis;
    for (std::int64_t value = call.begin; value < call.end; ++value) {
        const std::int64_t group = value / places.size;
        const std::int64_t n = value % places.size;
        float sum = 0;
        for (std::int64_t repeat = 0; repeat < places.repeats; ++repeat)
            for (std::int64_t outer = 0; outer < axis.outer; ++outer) {
                const float* from =
                    call.input(0) +
                    (((repeat * axis.groups + group) * axis.outer + outer) * places.size + n) * axis.inner;
                for (std::int64_t i = 0; i < axis.inner; ++i)
                    sum += from[i];
            }
        call.output(0)[value] = sum;
    }
}

}  // namespace

void add_mode_products(KernelTable& table) {
    table.add_rows("mode_product", &mode_product_rows);
    table.add_plan("mode_product_gradient", &mode_product_gradient_plan);
    table.add_plan("spread_mode", [](const NodeTypes& node) { return elementwise_plan(node, &spread_mode_elements); });
    table.add_plan("fold_mode", [](const NodeTypes& node) {
        return KernelPlan{{{&fold_mode_elements, node.outputs[0].shape.elements(), 16}}, 0};
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_mode_products);
void add_mode_product_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_mode_products)(table);
}
}  // namespace tensile
#endif
