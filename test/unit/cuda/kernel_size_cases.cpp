#include "unit/cuda/kernel_size_cases.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "graph/ops/adam_rows.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/cast.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/concat_rows.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/dropout.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/gelu.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/pad_columns.h"
#include "graph/ops/reshape.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/sigmoid.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "graph/ops/split_columns.h"
#include "support/op_case_list.h"

namespace tensile::test {

namespace {

// Far from zero, where exponentials overflow.
double far(const Element& element) {
    constexpr double kValues[] = {-1e30, -200, -89, -20, 0, 20, 89, 200, 1e30};
    return kValues[element.index % 9];
}

void add_elementwise(CaseList& list) {
    const TensorType nine{DType::kF32, {9}};
    list.add("sigmoid", "far", {{"x", nine, far}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::sigmoid(builder, in[0])}; });
    list.add("gelu", "far", {{"x", nine, far}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::gelu(builder, in[0])}; });
    // The reference has no guard against 0 * infinity, so not as far.
    list.add("gelu_gradient", "far",
             {{"x", {DType::kF32, {5}}, [](const Element& element) { return 40.0 * (element.index - 2); }},
              {"dy", {DType::kF32, {5}}, both_signs}},
             0, [](ProgramBuilder& builder, Inputs in) { return Values{ops::gelu_gradient(builder, in[0], in[1])}; });
    // More elements than a grid has threads, so that threads go round.
    list.add("bias_add", "6001x101", {{"x", table(6001, 101), both_signs}, {"bias", row(101), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::bias_add(builder, in[0], in[1])}; });
    list.add("bias_add", "70x8", {{"x", table(70, 8), both_signs}, {"bias", row(8), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::bias_add(builder, in[0], in[1])}; });
    const CaseInput rng = fixed("rng", {DType::kI64, {2}},
                                [](const Element& element) { return element.index == 0 ? -3 : 123456789012.0; });
    list.add("dropout", "1001x7", {{"x", table(1001, 7), both_signs}, rng}, 0, [](ProgramBuilder& builder, Inputs in) {
        return Values{ops::dropout(builder, in[0], in[1], 0.5, (1 << 15) - 1)};
    });
    std::vector<CaseInput> terms;
    for (int i = 0; i < 70; ++i)
        terms.push_back({"term" + std::to_string(i), scalar(), both_signs});
    list.add("add_scalars", "70", terms, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::add_scalars(builder, in)}; });
}

void add_casts(CaseList& list) {
    const auto extreme = [](const Element& element) {
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        constexpr double kValues[] = {-kInfinity, -1e30, -2147483648.0, -300, -1.5, -0.0, 0.5,       1.9,
                                      254.7,      255,   256,           300,  1e9,  3e9,  kInfinity, NAN};
        return kValues[element.index % 16];
    };
    const auto whole = [](const Element& element) {
        constexpr double kValues[] = {-2147483648.0, -1, 0, 1, 255, 256, 2147483647.0};
        return kValues[element.index % 7];
    };
    const auto any = [](const Element& element) { return 2 * element.uniform - 1; };
    const auto add = [&](DType from, DType to, const Content& content) {
        const std::string label = std::string(name_of(from)) + "/" + std::string(name_of(to)) + "/extreme";
        list.add("cast", label, {fixed("x", {from, {37}}, content)}, 0,
                 [to](ProgramBuilder& builder, Inputs in) { return Values{ops::cast(builder, in[0], to)}; });
    };
    for (const DType to : {DType::kI32, DType::kI64, DType::kU8})
        add(DType::kF32, to, extreme);
    for (const DType from : {DType::kI32, DType::kI64})
        for (const DType to : {DType::kI32, DType::kI64, DType::kU8, DType::kF32})
            add(from, to, whole);
    for (const auto& [label, content] : {std::pair<std::string, Content>{"any", any}, {"extreme", extreme}})
        list.add("cast", "f32/bf16/f32/" + label, {fixed("x", {DType::kF32, {301}}, content)}, 0,
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::cast(builder, ops::cast(builder, in[0], DType::kBF16), DType::kF32)};
                 });
}

void add_row_layout(CaseList& list) {
    // Rows of whole vectors, and more pieces than one launch copies.
    for (const auto& [parts, width] : {std::pair<int, std::int64_t>{3, 8}, {19, 3}, {19, 4}}) {
        const std::string label = std::to_string(parts) + "x" + std::to_string(width);
        std::vector<CaseInput> columns;
        std::vector<CaseInput> rows;
        for (int i = 0; i < parts; ++i) {
            columns.push_back(
                {"part" + std::to_string(i), Batch{70, 41, true}.matrix(width * (1 + i % 2)), both_signs});
            rows.push_back({"part" + std::to_string(i), table(1 + i, width), both_signs});
        }
        list.add("concat_columns", label, columns, 41,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::concat_columns(builder, in)}; });
        list.add("concat_rows", label, rows, 0,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::concat_rows(builder, in)}; });
        list.add(
            "split_columns", label, {{"x", Batch{70, 41, true}.matrix(width * parts), both_signs}}, 41,
            [parts = parts](ProgramBuilder& builder, Inputs in) { return ops::split_columns(builder, in[0], parts); });
    }
    list.add("concat_rows", "u8",
             {fixed("a", {DType::kU8, {7, 3}}, constant(7)), fixed("b", {DType::kU8, {5, 3}}, constant(9))}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::concat_rows(builder, in)}; });
    list.add("slice_columns", "70x12", {{"x", table(70, 12), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::slice_columns(builder, in[0], 4, 12)}; });
    list.add("pad_columns", "70x8", {{"x", table(70, 8), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::pad_columns(builder, in[0], 4, 20)}; });
    list.add("pad_columns", "70x8/first", {{"x", table(70, 8), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::pad_columns(builder, in[0], 0, 9)}; });
    list.add("broadcast_rows", "70x8", {{"x", row(8), both_signs}}, 0, [](ProgramBuilder& builder, Inputs in) {
        return Values{ops::broadcast_rows(builder, in[0], Shape{70, 8})};
    });
    list.add("reshape", "30x8", {{"x", table(30, 8), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::reshape(builder, in[0], 12)}; });
}

void add_losses(CaseList& list) {
    // Every form of a row: a part of a warp, a warp, a block, and wider than registers hold.
    for (const std::int64_t width : {17, 100, 300, 1000, 2500, 5000}) {
        const Batch batch{21, 17, true};
        const std::string label = batch.label() + "x" + std::to_string(width);
        std::vector<CaseInput> inputs = {
            {"prediction", batch.matrix(width),
             [](const Element& element) { return missing(element) ? NAN : 200 * element.uniform - 100; }},
            fixed("target", batch.column(DType::kI32), indices(width)),
            fixed("weight", batch.column(), weight)};
        list.add("softmax_cross_entropy_loss", label, inputs, batch.extent, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::softmax_cross_entropy_loss(builder, in[0], in[1], in[2])};
        });
        inputs.push_back({"dloss", batch.column(), both_signs});
        list.add("softmax_cross_entropy_loss_gradient", label, inputs, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::softmax_cross_entropy_loss_gradient(builder, in[0], in[1], in[2], in[3])};
                 });
    }
}

// Half of the slots name row 0.
Content half_alike(std::int64_t bound) {
    return [bound](const Element& element) {
        return element.index % 2 == 0 ? 0 : std::floor(element.uniform * static_cast<double>(bound));
    };
}

void add_merged_rows(CaseList& list) {
    struct Merge {
        std::string label;
        std::int64_t count;
        std::int64_t table_rows;
        std::int64_t width;
        Content content;
        bool is_dense;
    };
    // One block's sort and that of many, digits of one pass and of several, short runs, runs over many windows, one run
    // in all, none.
    const Merge merges[] = {
        {"short", 255, 1000, 4, indices(1000), true},
        {"long", 700, 3, 5, half_alike(3), true},
        {"none", 700, 3, 5, constant(-1), true},
        {"full_block", 4096, 5000, 3, indices(5000), false},
        {"tiles/none", 4097, 200, 3, constant(-1), false},
        {"tiles/short", 6000, 70000, 8, indices(70000), false},
        {"tiles/long", 9000, 7, 4, half_alike(7), true},
        {"tiles/one", 6000, 1, 2, constant(0), false},
        {"tiles/large_table", 5000, 1000000000, 1, half_alike(1000000000), false},
    };
    for (const Merge& merge : merges) {
        const std::vector<CaseInput> inputs = {{"rows", table(merge.count, merge.width), both_signs},
                                               fixed("indices", slots(merge.count), merge.content)};
        list.add("merge_rows", merge.label, inputs, 0,
                 [table_rows = merge.table_rows](ProgramBuilder& builder, Inputs in) {
                     const SparseRows merged = ops::merge_rows(builder, {in[0], in[1], table_rows});
                     return Values{merged.rows, merged.indices};
                 });
        if (merge.is_dense)
            list.add("densify_rows", merge.label, inputs, 0,
                     [table_rows = merge.table_rows](ProgramBuilder& builder, Inputs in) {
                         return Values{ops::densify_rows(builder, {in[0], in[1], table_rows})};
                     });
    }
}

void add_gathered_rows(CaseList& list) {
    for (const std::int64_t width : {8, 5}) {
        const Batch batch{400, 301, true};
        const CaseInput index = fixed("indices", {DType::kI32, batch.shape({3})}, indices(1000));
        const std::string label = batch.label() + "x" + std::to_string(width);
        list.add("gather_rows", label, {{"table", table(1000, width), both_signs}, index}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::gather_rows(builder, in[0], in[1])}; });
        list.add("gather_rows_gradient", label, {index, {"dy", batch.matrix(3 * width), both_signs}}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) {
                     const SparseRows sparse = ops::gather_rows_gradient(builder, in[0], in[1], 1000);
                     return Values{sparse.rows, sparse.indices};
                 });
    }
}

void add_row_updates(CaseList& list) {
    const TensorType type = table(1000, 8);
    // 7919 and 1000 have no common divisor, so the indices are distinct.
    const std::vector<CaseInput> gradient = {
        fixed("rows", table(600, 8), both_signs),
        fixed("indices", slots(600), [](const Element& element) { return element.index * 7919 % 1000; })};
    const CaseInput parameter = variable("parameter", type, both_signs);
    const CaseInput velocity = variable("velocity", type, both_signs);
    const CaseInput first = variable("first", type, both_signs);
    const CaseInput second = variable("second", type, positive);
    const CaseInput scale = fixed("gradient_scale", scalar(), constant(0.5));
    list.add("sgd_momentum_rows", "1000x8",
             {parameter, gradient[0], gradient[1], velocity, fixed("learning_rate", scalar(), constant(0.1)),
              fixed("momentum", scalar(), constant(0.9)), fixed("weight_decay", scalar(), constant(0.01)), scale},
             0, [](ProgramBuilder& builder, Inputs in) {
                 const auto state = ops::sgd_momentum_rows(builder, {in[0], in[3]}, {in[1], in[2], 1000},
                                                           {in[4], in[5], in[6], in[7]});
                 return Values{state.parameter, state.velocity};
             });
    const CaseInput step = fixed("step", row(ops::kAdamStepLength), [](const Element& element) {
        constexpr double kStep[] = {0.01, 0.9, 0.999, 1e-8, 0.1, 0.271, 0.002997001};
        return kStep[element.index];
    });
    list.add("adam_rows", "1000x8", {parameter, gradient[0], gradient[1], first, second, step, scale}, 0,
             [](ProgramBuilder& builder, Inputs in) {
                 const auto state =
                     ops::adam_rows(builder, {in[0], in[3], in[4]}, {in[1], in[2], 1000}, {in[5], in[6]}, true);
                 return Values{state.parameter, state.first, state.second};
             });
}

}  // namespace

std::vector<OpCase> kernel_size_cases() {
    CaseList list;
    add_elementwise(list);
    add_casts(list);
    add_row_layout(list);
    add_losses(list);
    add_merged_rows(list);
    add_gathered_rows(list);
    add_row_updates(list);
    return list.take();
}

}  // namespace tensile::test
