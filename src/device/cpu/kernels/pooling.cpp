// Kernels of pooling over feature maps. Forward tiles are rows of the result and the average's gradient tiles are rows
// of dx, each gathering what it needs; the maximum's gradient owns some channels of one image in each tile and hands
// every dy to the pixel that was the greatest.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"
#include "graph/ops/window.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/pooling.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

using ops::Window;

// Channels of one tile of the maximum's gradient: a cache line of each pixel.
constexpr std::int64_t kChannelsPerTile = 16;

// The pixels that one output pixel sees: rows [top, bottom) and columns [left, right) of image `image`.
struct View {
    std::int64_t image;
    std::int64_t top;
    std::int64_t bottom;
    std::int64_t left;
    std::int64_t right;

    View(const Window& window, std::int64_t output) {
        const ops::MapSize grid = window.output();
        image = output / grid.pixels();
        const std::int64_t y = output / grid.width % grid.height * window.stride - window.padding_height;
        const std::int64_t x = output % grid.width * window.stride - window.padding_width;
        top = std::max<std::int64_t>(y, 0);
        bottom = std::min(y + window.kernel_height, window.height);
        left = std::max<std::int64_t>(x, 0);
        right = std::min(x + window.kernel_width, window.width);
    }

    // body(row of the input maps), in row-major order.
    template <typename Body>
    HWY_INLINE void for_each(const Window& window, const Body& body) const {
        for (std::int64_t y = top; y < bottom; ++y)
            for (std::int64_t x = left; x < right; ++x)
                body((image * window.height + y) * window.width + x);
    }
    std::int64_t first(const Window& window) const { return (image * window.height + top) * window.width + left; }
};

void max_pool_rows(const TileCall& call) noexcept {
    const Window window = ops::window_of(call.attributes);
    const std::int64_t channels = call.inputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const View view(window, row);
        for_columns(0, channels, [&](std::int64_t channel, auto access) {
            const float* x = call.input(0) + channel;
            FloatVector greatest = access.load(x + view.first(window) * channels);
            view.for_each(window, [&](std::int64_t input) {
                const FloatVector value = access.load(x + input * channels);
                greatest = hn::IfThenElse(hn::Gt(value, greatest), value, greatest);
            });
            access.store(greatest, call.output(0) + row * channels + channel);
        });
    }
}

template <typename Access>
HWY_INLINE void give_to_greatest(const TileCall& call, const Window& window, std::int64_t image, std::int64_t channel,
                                 const Access& access) {
    const FloatTag d;
    const std::int64_t channels = call.inputs[0].type.shape[1];
    const std::int64_t outputs = window.output().pixels();
    const float* x = call.input(0) + channel;
    float* dx = call.output(0) + channel;
    for (std::int64_t pixel = 0; pixel < window.input().pixels(); ++pixel)
        access.store(hn::Zero(d), dx + (image * window.input().pixels() + pixel) * channels);
    for (std::int64_t output = image * outputs; output < (image + 1) * outputs; ++output) {
        const View view(window, output);
        FloatVector greatest = access.load(x + view.first(window) * channels);
        // Which of the pixels seen it is; whole numbers are exact in a float.
        FloatVector place = hn::Zero(d);
        float number = 0;
        view.for_each(window, [&](std::int64_t input) {
            const FloatVector value = access.load(x + input * channels);
            const auto greater = hn::Gt(value, greatest);
            greatest = hn::IfThenElse(greater, value, greatest);
            place = hn::IfThenElse(greater, hn::Set(d, number), place);
            ++number;
        });
        const FloatVector dy = access.load(call.input(1) + output * channels + channel);
        number = 0;
        view.for_each(window, [&](std::int64_t input) {
            float* target = dx + input * channels;
            const FloatVector share = hn::IfThenElseZero(hn::Eq(place, hn::Set(d, number)), dy);
            access.store(hn::Add(access.load(target), share), target);
            ++number;
        });
    }
}

// Items are pairs of an image and some channels.
void max_pool_gradient_channels(const TileCall& call) noexcept {
    const Window window = ops::window_of(call.attributes);
    const std::int64_t channels = call.inputs[0].type.shape[1];
    const std::int64_t blocks = (channels + kChannelsPerTile - 1) / kChannelsPerTile;
    for (std::int64_t item = call.begin; item < call.end; ++item) {
        const std::int64_t first = item % blocks * kChannelsPerTile;
        for_columns(first, std::min(first + kChannelsPerTile, channels), [&](std::int64_t channel, auto access) {
            give_to_greatest(call, window, item / blocks, channel, access);
        });
    }
}

float share_of(const Window& window, std::int64_t output, bool count_padding) {
    return 1 / static_cast<float>(count_padding ? window.taps() : window.seen_pixels(output));
}

void average_pool_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const Window window = ops::window_of(call.attributes);
    const bool count_padding = call.attributes.flag("count_padding");
    const std::int64_t channels = call.inputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const View view(window, row);
        const FloatVector share = hn::Set(d, share_of(window, row, count_padding));
        for_columns(0, channels, [&](std::int64_t channel, auto access) {
            FloatVector sum = hn::Zero(d);
            view.for_each(window, [&](std::int64_t input) {
                sum = hn::Add(sum, access.load(call.input(0) + input * channels + channel));
            });
            access.store(hn::Mul(sum, share), call.output(0) + row * channels + channel);
        });
    }
}

// Output rows or columns whose window of `kernel` covers position `at`: [first, last).
struct Covering {
    std::int64_t first;
    std::int64_t last;

    Covering(std::int64_t at, std::int64_t kernel, std::int64_t stride, std::int64_t padding, std::int64_t outputs)
        : first((std::max<std::int64_t>(at + padding - kernel + 1, 0) + stride - 1) / stride),
          last(std::min((at + padding) / stride + 1, outputs)) {}
};

void average_pool_gradient_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const Window window = ops::window_of(call.attributes);
    const ops::MapSize grid = window.output();
    const bool count_padding = call.attributes.flag("count_padding");
    const std::int64_t channels = call.inputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const std::int64_t image = row / window.input().pixels();
        const Covering rows(row / window.width % window.height, window.kernel_height, window.stride,
                            window.padding_height, grid.height);
        const Covering columns(row % window.width, window.kernel_width, window.stride, window.padding_width,
                               grid.width);
        for_columns(0, channels, [&](std::int64_t channel, auto access) {
            FloatVector sum = hn::Zero(d);
            for (std::int64_t y = rows.first; y < rows.last; ++y) {
                for (std::int64_t x = columns.first; x < columns.last; ++x) {
                    const std::int64_t output = (image * grid.height + y) * grid.width + x;
                    const FloatVector dy = access.load(call.input(0) + output * channels + channel);
                    sum = hn::MulAdd(dy, hn::Set(d, share_of(window, output, count_padding)), sum);
                }
            }
            access.store(sum, call.output(0) + row * channels + channel);
        });
    }
}

// Tiles of rows of the result, each row costing `reads` reads of all channels.
KernelPlan rows_plan(const NodeTypes& node, TileFunction function, std::int64_t reads) {
    const Shape& shape = node.outputs[0].shape;
    return {{{function, shape[0], std::max<std::int64_t>(kElementsPerTile / (shape[1] * reads), 1)}}, 0};
}

KernelPlan max_pool_gradient_plan(const NodeTypes& node) {
    const Window window = ops::window_of(node.attributes);
    const Shape& shape = node.outputs[0].shape;
    const std::int64_t blocks = (shape[1] + kChannelsPerTile - 1) / kChannelsPerTile;
    const std::int64_t reads = window.output().pixels() * window.taps() * std::min(kChannelsPerTile, shape[1]);
    return {{{&max_pool_gradient_channels, window.images_of_input(shape[0]) * blocks,
              std::max<std::int64_t>(kElementsPerTile / reads, 1)}},
            0};
}

}  // namespace

void add_pooling(KernelTable& table) {
    const auto taps = [](const NodeTypes& node) { return ops::window_of(node.attributes).taps(); };
    table.add_plan("max_pool_2d",
                   [taps](const NodeTypes& node) { return rows_plan(node, &max_pool_rows, taps(node)); });
    table.add_plan("max_pool_2d_gradient", &max_pool_gradient_plan);
    table.add_plan("average_pool_2d",
                   [taps](const NodeTypes& node) { return rows_plan(node, &average_pool_rows, taps(node)); });
    table.add_plan("average_pool_2d_gradient", [](const NodeTypes& node) {
        const Window window = ops::window_of(node.attributes);
        const std::int64_t covering =
            (window.taps() + window.stride * window.stride - 1) / (window.stride * window.stride);
        return rows_plan(node, &average_pool_gradient_rows, covering);
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_pooling);
void add_pooling_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_pooling)(table);
}
}  // namespace tensile
#endif
