#include "device/cpu/convolution_kernel.h"

#include <algorithm>

#include "device/cpu/kernels/kernel_groups.h"
#include "device/cpu/kernels/packing.h"
#include "device/cpu/kernels/patches.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using ops::MapSize;
using ops::Window;

constexpr std::string_view kForward = "convolution_2d";
constexpr std::string_view kGradientInput = "convolution_2d_gradient_input";
constexpr std::string_view kGradientWeights = "convolution_2d_gradient_weights";

// 5 ms at 80 Gflop/s: the stop flag is read between tiles.
constexpr double kMostFlopsPerTile = 400e6;
constexpr std::int64_t kWantedTiles = 8;
// Pixels of a tile of y or dx: enough for oneDNN to reach its rate, few enough for the patches to stay in the cache.
constexpr std::int64_t kMostPixels = 128;
constexpr std::int64_t kFewPixels = 16;
// Longer sums are cut into pieces added up in order.
constexpr std::int64_t kMostTerms = 768;
// The block of dweights of one tile, and the pixels of one product.
constexpr std::int64_t kGradientKernels = 128;
constexpr std::int64_t kGradientTerms = 384;
constexpr std::int64_t kGradientPixels = 256;

constexpr std::int64_t divide_up(std::int64_t value, std::int64_t by) {
    return (value + by - 1) / by;
}

// Blocks of nearly the same size, none above `most`, in whole cache lines where there are several.
std::int64_t even_block(std::int64_t whole, std::int64_t most) {
    constexpr std::int64_t kLine = 16;
    const std::int64_t blocks = divide_up(whole, most);
    return blocks == 1 ? whole : divide_up(divide_up(whole, blocks), kLine) * kLine;
}

// A convolution as its three ops see it.
struct Convolution {
    Window window;
    std::int64_t images = 0;
    std::int64_t channels = 0;
    std::int64_t kernels = 0;

    std::int64_t terms() const { return window.taps() * channels; }
    std::int64_t output_pixels() const { return images * window.output().pixels(); }
    PatchGrid patches() const {
        return {window.input(),       channels,      {window.kernel_height, window.kernel_width},
                window.output(),      window.stride, -window.padding_height,
                -window.padding_width};
    }
};

Convolution convolution_of(std::string_view op, const NodeTypes& node) {
    const Window window = ops::window_of(node.attributes);
    const TensorType& x = op == kGradientInput ? node.outputs[0] : node.inputs[0];
    const TensorType& weights = op == kGradientWeights ? node.outputs[0] : node.inputs[1];
    return {window, window.images_of_input(x.shape[0]), x.shape[1], weights.shape[1]};
}

// Pixels of one tile where each costs `flops`, of `pixels` altogether.
std::int64_t pixels_per_tile(std::int64_t pixels, double flops) {
    std::int64_t block = kMostPixels;
    while (block > kFewPixels && divide_up(pixels, block) < kWantedTiles)
        block /= 2;
    while (block > 1 && flops * static_cast<double>(block) > kMostFlopsPerTile)
        block /= 2;
    return std::clamp<std::int64_t>(pixels, 1, block);
}

class ForwardKernel final : public ProductKernel {
  public:
    ForwardKernel(const OnednnLibrary& library, const Convolution& convolution)
        : patches_(convolution.patches()),
          kernels_(convolution.kernels),
          pixels_(convolution.output_pixels()),
          block_(pixels_of_tile(convolution)),
          piece_(even_block(convolution.terms(), kMostTerms)) {
        for (std::int64_t rows : block_sizes(pixels_, block_))
            for (std::int64_t first = 0; first < patches_.terms(); first += piece_)
                prepare(library, shape(rows, first));
        set_own_scratch(aligned_bytes(block_ * piece_));
    }

    static std::int64_t pixels_of_tile(const Convolution& convolution) {
        return pixels_per_tile(convolution.output_pixels(),
                               2.0 * static_cast<double>(convolution.terms() * convolution.kernels));
    }
    static std::int64_t tiles_of(const Convolution& convolution) {
        return divide_up(convolution.output_pixels(), pixels_of_tile(convolution));
    }
    std::int64_t tiles() const override { return divide_up(pixels_, block_); }

    void run(std::int64_t tile, const Operands& operands, Workspace& workspace,
             std::byte* scratch) const noexcept override {
        const std::int64_t pixel = tile * block_;
        const std::int64_t rows = std::min(block_, pixels_ - pixel);
        auto* patches = reinterpret_cast<float*>(scratch);
        for (std::int64_t first = 0; first < patches_.terms(); first += piece_) {
            gather_patches(patches_, operands.a, pixel, rows, first, std::min(first + piece_, patches_.terms()),
                           patches);
            multiply(shape(rows, first), patches, operands.b + first * kernels_, operands.y + pixel * kernels_,
                     workspace, scratch);
        }
    }

  private:
    MatmulShape shape(std::int64_t rows, std::int64_t first) const {
        return {rows, std::min(piece_, patches_.terms() - first), kernels_, false, first > 0};
    }

    PatchGrid patches_;
    std::int64_t kernels_;
    std::int64_t pixels_;
    std::int64_t block_;  // pixels of a tile
    std::int64_t piece_;  // terms of a product
};

// Pixels of the input whose coordinates leave the same remainders when divided by the stride, and the taps through
// which output pixels see them.
struct PixelClass {
    struct Tap {
        std::int64_t index;  // in the kernel, row-major
        std::int64_t top;    // pixel (i, j) of the class is seen by output pixel (i + top, j + left)
        std::int64_t left;
    };
    std::int64_t y = 0;  // remainders
    std::int64_t x = 0;
    MapSize grid;  // pixels (y + i stride, x + j stride) of each image
    std::vector<Tap> taps;
};

std::vector<PixelClass> pixel_classes(const Window& window) {
    std::vector<PixelClass> classes;
    for (std::int64_t y = 0; y < std::min(window.stride, window.height); ++y) {
        for (std::int64_t x = 0; x < std::min(window.stride, window.width); ++x) {
            PixelClass each{
                y, x, {divide_up(window.height - y, window.stride), divide_up(window.width - x, window.stride)}, {}};
            for (std::int64_t tap = 0; tap < window.taps(); ++tap) {
                const std::int64_t top = y + window.padding_height - tap / window.kernel_width;
                const std::int64_t left = x + window.padding_width - tap % window.kernel_width;
                if (top % window.stride == 0 && left % window.stride == 0)
                    each.taps.push_back({tap, top / window.stride, left / window.stride});
            }
            classes.push_back(std::move(each));
        }
    }
    return classes;
}

class GradientInputKernel final : public ProductKernel {
  public:
    GradientInputKernel(const OnednnLibrary& library, const Convolution& convolution)
        : convolution_(convolution),
          classes_(pixel_classes(convolution.window)),
          block_(pixels_of_tile(convolution)),
          scattered_(convolution.window.stride > 1) {
        for (const PixelClass& each : classes_) {
            tiles_.push_back(divide_up(convolution.images * each.grid.pixels(), block_));
            for (std::int64_t rows : block_sizes(convolution.images * each.grid.pixels(), block_))
                for (std::size_t tap = 0; tap < each.taps.size(); ++tap)
                    prepare(library, shape(rows, tap > 0));
        }
        result_offset_ = aligned_bytes(block_ * convolution.kernels);
        set_own_scratch(result_offset_ + (scattered_ ? aligned_bytes(block_ * convolution.channels) : 0));
    }

    static std::int64_t pixels_of_tile(const Convolution& convolution) {
        const Window& window = convolution.window;
        const std::int64_t most_taps =
            divide_up(window.kernel_height, window.stride) * divide_up(window.kernel_width, window.stride);
        return pixels_per_tile(convolution.images * window.input().pixels(),
                               2.0 * static_cast<double>(most_taps * convolution.channels * convolution.kernels));
    }
    static std::int64_t tiles_of(const Convolution& convolution) {
        std::int64_t tiles = 0;
        for (const PixelClass& each : pixel_classes(convolution.window))
            tiles += divide_up(convolution.images * each.grid.pixels(), pixels_of_tile(convolution));
        return tiles;
    }
    std::int64_t tiles() const override { return tiles_of(convolution_); }

    void run(std::int64_t tile, const Operands& operands, Workspace& workspace,
             std::byte* scratch) const noexcept override {
        std::size_t number = 0;
        while (tile >= tiles_[number])
            tile -= tiles_[number++];
        const PixelClass& each = classes_[number];
        const Window& window = convolution_.window;
        const std::int64_t channels = convolution_.channels;
        const std::int64_t pixel = tile * block_;
        const std::int64_t rows = std::min(block_, convolution_.images * each.grid.pixels() - pixel);
        auto* shifted = reinterpret_cast<float*>(scratch);
        float* result = scattered_ ? reinterpret_cast<float*>(scratch + result_offset_) : operands.y + pixel * channels;

        PatchGrid source{window.output(), convolution_.kernels, {1, 1}, each.grid, 1, 0, 0};
        bool accumulate = false;
        for (const PixelClass::Tap& tap : each.taps) {
            source.top = tap.top;
            source.left = tap.left;
            gather_patches(source, operands.a, pixel, rows, 0, source.channels, shifted);
            multiply(shape(rows, accumulate), shifted, operands.b + tap.index * channels * convolution_.kernels, result,
                     workspace, scratch);
            accumulate = true;
        }
        // A window that skips pixels leaves some without any tap.
        if (each.taps.empty()) std::fill_n(result, rows * channels, 0.0F);
        if (scattered_) scatter(each, pixel, rows, result, operands.y);
    }

  private:
    MatmulShape shape(std::int64_t rows, bool accumulate) const {
        return {rows, convolution_.kernels, convolution_.channels, true, accumulate};
    }

    void scatter(const PixelClass& each, std::int64_t pixel, std::int64_t rows, const float* from,
                 float* dx) const noexcept {
        const Window& window = convolution_.window;
        const std::int64_t channels = convolution_.channels;
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t at = pixel + row;
            const std::int64_t image = at / each.grid.pixels();
            const std::int64_t y = each.y + at / each.grid.width % each.grid.height * window.stride;
            const std::int64_t x = each.x + at % each.grid.width * window.stride;
            copy_block(from + row * channels, channels, 1, channels,
                       dx + ((image * window.height + y) * window.width + x) * channels, channels);
        }
    }

    Convolution convolution_;
    std::vector<PixelClass> classes_;
    std::vector<std::int64_t> tiles_;  // by class
    std::int64_t block_;
    bool scattered_;
    std::size_t result_offset_ = 0;
};

// How the gradient of the weights is cut.
struct GradientBlocks {
    std::int64_t kernels = 0;
    std::int64_t terms = 0;
    std::int64_t span = 0;   // pixels that one tile sums over
    std::int64_t spans = 0;  // more than one: each has a partial gradient in the node's scratch

    explicit GradientBlocks(const Convolution& convolution)
        : kernels(even_block(convolution.kernels, kGradientKernels)),
          terms(even_block(convolution.terms(), kGradientTerms)) {
        const std::int64_t pixels = std::max<std::int64_t>(convolution.output_pixels(), 1);
        const std::int64_t blocks = divide_up(convolution.kernels, kernels) * divide_up(convolution.terms(), terms);
        const auto longest =
            static_cast<std::int64_t>(kMostFlopsPerTile / (2.0 * static_cast<double>(kernels * terms)));
        const std::int64_t wanted = divide_up(pixels, divide_up(kWantedTiles, blocks));
        span = std::max(std::min(divide_up(wanted, kGradientPixels), longest / kGradientPixels), std::int64_t{1}) *
               kGradientPixels;
        spans = divide_up(pixels, span);
    }
};

class GradientWeightsKernel final : public ProductKernel {
  public:
    GradientWeightsKernel(const OnednnLibrary& library, const Convolution& convolution)
        : patches_(convolution.patches()),
          kernels_(convolution.kernels),
          pixels_(convolution.output_pixels()),
          blocks_(convolution),
          kernel_blocks_(divide_up(kernels_, blocks_.kernels)),
          term_blocks_(divide_up(patches_.terms(), blocks_.terms)) {
        for (std::int64_t kernels : block_sizes(kernels_, blocks_.kernels))
            for (std::int64_t terms : block_sizes(patches_.terms(), blocks_.terms))
                for (std::int64_t begin = 0; begin < pixels_; begin += kGradientPixels)
                    prepare(library, {kernels, std::min(kGradientPixels, pixels_ - begin), terms, false,
                                      begin % blocks_.span > 0});
        patches_offset_ = aligned_bytes(blocks_.kernels * std::max(kGradientPixels, blocks_.terms));
        sum_offset_ = patches_offset_ + aligned_bytes(kGradientPixels * blocks_.terms);
        set_own_scratch(sum_offset_ + aligned_bytes(blocks_.kernels * blocks_.terms));
    }

    static std::int64_t tiles_of(const Convolution& convolution) {
        const GradientBlocks blocks(convolution);
        return divide_up(convolution.kernels, blocks.kernels) * divide_up(convolution.terms(), blocks.terms) *
               blocks.spans;
    }
    std::int64_t tiles() const override { return kernel_blocks_ * term_blocks_ * blocks_.spans; }

    void run(std::int64_t tile, const Operands& operands, Workspace& workspace,
             std::byte* scratch) const noexcept override {
        const std::int64_t kernel = tile % kernel_blocks_ * blocks_.kernels;
        const std::int64_t term = tile / kernel_blocks_ % term_blocks_ * blocks_.terms;
        const std::int64_t span = tile / kernel_blocks_ / term_blocks_;
        const std::int64_t kernels = std::min(blocks_.kernels, kernels_ - kernel);
        const std::int64_t terms = std::min(blocks_.terms, patches_.terms() - term);
        auto* transposed = reinterpret_cast<float*>(scratch);
        auto* patches = reinterpret_cast<float*>(scratch + patches_offset_);
        auto* sum = reinterpret_cast<float*>(scratch + sum_offset_);

        const std::int64_t begin = span * blocks_.span;
        const std::int64_t end = std::min(begin + blocks_.span, pixels_);
        for (std::int64_t pixel = begin; pixel < end; pixel += kGradientPixels) {
            const std::int64_t count = std::min(kGradientPixels, pixels_ - pixel);
            pack_transposed(operands.b + pixel * kernels_ + kernel, kernels_, count, kernels, count, transposed);
            gather_patches(patches_, operands.a, pixel, count, term, term + terms, patches);
            multiply({kernels, count, terms, false, pixel > begin}, transposed, patches, sum, workspace, scratch);
        }
        float* target = blocks_.spans == 1
                            ? operands.y
                            : reinterpret_cast<float*>(operands.shared) + span * patches_.terms() * kernels_;
        pack_transposed(sum, terms, kernels, terms, kernels, transposed);
        copy_block(transposed, kernels, terms, kernels, target + term * kernels_ + kernel, kernels_);
    }

  private:
    PatchGrid patches_;
    std::int64_t kernels_;
    std::int64_t pixels_;
    GradientBlocks blocks_;
    std::int64_t kernel_blocks_;
    std::int64_t term_blocks_;
    std::size_t patches_offset_ = 0;
    std::size_t sum_offset_ = 0;
};

// dweights = sum of the spans' partial gradients, first span first. Tiles are elements.
void sum_spans(const TileCall& call) noexcept {
    const Window window = ops::window_of(call.attributes);
    const Convolution convolution{window, window.images_of_input(call.inputs[0].type.shape[0]),
                                  call.inputs[0].type.shape[1], call.inputs[1].type.shape[1]};
    const std::int64_t elements = call.outputs[0].type.shape.elements();
    const auto* partial = reinterpret_cast<const float*>(call.scratch);
    float* sum = call.output(0);
    std::copy(partial + call.begin, partial + call.end, sum + call.begin);
    for (std::int64_t span = 1; span < GradientBlocks(convolution).spans; ++span)
        for (std::int64_t i = call.begin; i < call.end; ++i)
            sum[i] += partial[span * elements + i];
}

KernelPlan gradient_weights_plan(const NodeTypes& node) {
    const Convolution convolution = convolution_of(kGradientWeights, node);
    KernelPlan plan{{{nullptr, GradientWeightsKernel::tiles_of(convolution), 1}}, 0};
    const std::int64_t spans = GradientBlocks(convolution).spans;
    if (spans == 1) return plan;
    plan.scratch_bytes = static_cast<std::size_t>(spans) * node.outputs[0].bytes();
    plan.phases.push_back({&sum_spans, node.outputs[0].shape.elements(), kElementsPerTile});
    return plan;
}

}  // namespace

std::unique_ptr<const ProductKernel> make_convolution_kernel(const OnednnLibrary& library, std::string_view op,
                                                             const NodeTypes& node) {
    const Convolution convolution = convolution_of(op, node);
    if (op == kForward) return std::make_unique<const ForwardKernel>(library, convolution);
    if (op == kGradientInput) return std::make_unique<const GradientInputKernel>(library, convolution);
    if (op == kGradientWeights) return std::make_unique<const GradientWeightsKernel>(library, convolution);
    throw InternalError("operation \"" + std::string(op) + "\" is no convolution");
}

void add_convolution_plans(KernelTable& table) {
    table.add_plan(kForward, [](const NodeTypes& node) {
        return KernelPlan{{{nullptr, ForwardKernel::tiles_of(convolution_of(kForward, node)), 1}}, 0};
    });
    table.add_plan(kGradientInput, [](const NodeTypes& node) {
        return KernelPlan{{{nullptr, GradientInputKernel::tiles_of(convolution_of(kGradientInput, node)), 1}}, 0};
    });
    table.add_plan(kGradientWeights, gradient_weights_plan);
}

}  // namespace tensile
