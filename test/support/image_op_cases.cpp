// Cases of the ops on feature maps: odd sizes, strides, padding, rectangular kernels, windows that skip pixels, one
// channel, kernels larger than the map.
#include "support/image_op_cases.h"

#include <cmath>

#include "graph/ops/average_pool_2d.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/max_pool_2d.h"
#include "graph/ops/reshape.h"

namespace tensile::test {

namespace {

using Values = std::vector<ValueId>;
using Inputs = std::span<const ValueId>;

struct MapCase {
    std::string label;
    std::int64_t images;
    std::int64_t channels;
    std::int64_t kernels;  // of convolutions
    ops::Window window;
};

std::vector<MapCase> convolutions() {
    return {{"3x3", 2, 3, 4, {5, 7, 3, 3, 1, 1, 1}},         {"3x3/unpadded", 1, 5, 2, {6, 4, 3, 3, 1, 0, 0}},
            {"3x3/stride2", 2, 3, 5, {7, 6, 3, 3, 2, 1, 1}}, {"7x7/stride2", 1, 3, 3, {9, 11, 7, 7, 2, 3, 3}},
            {"1x7", 2, 2, 3, {4, 9, 1, 7, 1, 0, 3}},         {"7x1", 2, 2, 3, {9, 4, 7, 1, 1, 3, 0}},
            {"1x1/stride2", 2, 4, 3, {5, 6, 1, 1, 2, 0, 0}}, {"2x2/stride3", 1, 2, 2, {8, 7, 2, 2, 3, 0, 0}},
            {"1channel", 3, 1, 1, {3, 5, 2, 3, 1, 1, 1}},    {"whole_map", 2, 3, 2, {4, 3, 4, 3, 1, 0, 0}},
            {"5x5/of_2x2", 1, 2, 3, {2, 2, 5, 5, 1, 2, 2}},  {"several_tiles", 3, 9, 17, {13, 11, 3, 3, 1, 1, 1}}};
}

std::vector<MapCase> poolings() {
    return {{"2x2", 2, 3, 0, {6, 4, 2, 2, 2, 0, 0}},          {"2x2/odd", 1, 5, 0, {7, 5, 2, 2, 2, 0, 0}},
            {"3x3/stride2", 2, 33, 0, {7, 8, 3, 3, 2, 1, 1}}, {"3x3/stride1", 2, 3, 0, {5, 6, 3, 3, 1, 1, 1}},
            {"1x3", 1, 2, 0, {4, 7, 1, 3, 1, 0, 1}},          {"1channel", 3, 1, 0, {5, 5, 3, 2, 2, 0, 1}},
            {"2x2/stride3", 1, 2, 0, {8, 7, 2, 2, 3, 0, 0}},  {"global", 3, 18, 0, {4, 3, 4, 3, 1, 0, 0}}};
}

double both_signs(const Element& element) {
    const double x = 2 * element.uniform - 1;
    return x + std::copysign(0.05, x);
}

TensorType maps(std::int64_t images, const ops::MapSize& size, std::int64_t channels) {
    return {DType::kF32, {images * size.pixels(), channels}};
}

OpCase make_case(const std::string& op, const std::string& label, std::vector<CaseInput> inputs,
                 std::function<Values(ProgramBuilder&, Inputs)> apply) {
    return {op + "/" + label, op, std::move(inputs), 0, std::move(apply)};
}

void add_convolution(std::vector<OpCase>& cases, const MapCase& map) {
    const ops::Window window = map.window;
    const TensorType weights{DType::kF32, {window.taps() * map.channels, map.kernels}};
    const CaseInput x{"x", maps(map.images, window.input(), map.channels), both_signs};
    const CaseInput w{"weights", weights, both_signs};
    const CaseInput dy{"dy", maps(map.images, window.output(), map.kernels), both_signs};
    cases.push_back(make_case("convolution_2d", map.label, {x, w}, [=](ProgramBuilder& builder, Inputs in) {
        return Values{ops::convolution_2d(builder, in[0], in[1], window)};
    }));
    cases.push_back(
        make_case("convolution_2d_gradient_input", map.label, {dy, w}, [=](ProgramBuilder& builder, Inputs in) {
            return Values{ops::convolution_2d_gradient_input(builder, in[0], in[1], window)};
        }));
    cases.push_back(
        make_case("convolution_2d_gradient_weights", map.label, {x, dy}, [=](ProgramBuilder& builder, Inputs in) {
            return Values{ops::convolution_2d_gradient_weights(builder, in[0], in[1], window)};
        }));
}

void add_pooling(std::vector<OpCase>& cases, const MapCase& map) {
    const ops::Window window = map.window;
    const CaseInput x{"x", maps(map.images, window.input(), map.channels), both_signs};
    const CaseInput dy{"dy", maps(map.images, window.output(), map.channels), both_signs};
    cases.push_back(make_case("max_pool_2d", map.label, {x}, [=](ProgramBuilder& builder, Inputs in) {
        return Values{ops::max_pool_2d(builder, in[0], window)};
    }));
    cases.push_back(make_case("max_pool_2d_gradient", map.label, {x, dy}, [=](ProgramBuilder& builder, Inputs in) {
        return Values{ops::max_pool_2d_gradient(builder, in[0], in[1], window)};
    }));
    for (bool count_padding : {false, true}) {
        const std::string label = map.label + (count_padding ? "/counted" : "");
        cases.push_back(make_case("average_pool_2d", label, {x}, [=](ProgramBuilder& builder, Inputs in) {
            return Values{ops::average_pool_2d(builder, in[0], window, count_padding)};
        }));
        cases.push_back(make_case("average_pool_2d_gradient", label, {dy}, [=](ProgramBuilder& builder, Inputs in) {
            return Values{ops::average_pool_2d_gradient(builder, in[0], window, count_padding)};
        }));
    }
}

// Reductions over as many rows as maps have, of which half are present.
void add_tall_reductions(std::vector<OpCase>& cases) {
    constexpr std::int64_t kRows = 9000;
    constexpr std::int64_t kPresent = 4500;
    const std::vector<CaseInput> x = {{"x", {DType::kF32, Shape::bounded(kRows, 0, {3})}, both_signs}};
    cases.push_back(make_case("column_sum", "tall", x, [](ProgramBuilder& builder, Inputs in) {
        return Values{ops::column_sum(builder, in[0])};
    }));
    cases.back().extent = kPresent;
    cases.push_back(make_case("batch_moments", "tall", x, [](ProgramBuilder& builder, Inputs in) {
        const ops::BatchMoments moments = ops::batch_moments(builder, in[0]);
        return Values{moments.mean, moments.variance};
    }));
    cases.back().extent = kPresent;
}

}  // namespace

std::vector<OpCase> image_op_cases() {
    std::vector<OpCase> cases;
    add_tall_reductions(cases);
    for (const MapCase& map : convolutions())
        add_convolution(cases, map);
    for (const MapCase& map : poolings())
        add_pooling(cases, map);
    for (std::int64_t columns : {1, 3, 10, 30})
        cases.push_back(make_case(
            "reshape", "10x3/" + std::to_string(columns), {{"x", {DType::kF32, {10, 3}}, both_signs}},
            [=](ProgramBuilder& builder, Inputs in) { return Values{ops::reshape(builder, in[0], columns)}; }));
    return cases;
}

}  // namespace tensile::test
