// Convolutions as products of patches; see convolution_patches.h.
#include "cuda/kernels/convolution_patches.h"

#include <algorithm>
#include <vector>

#include "cuda/kernels/grid_walk.h"
#include "cuda/kernels/library_product.h"

namespace tensile::cuda {

namespace {

// What kernels on the device need.
struct PatchMaps {
    Window window;
    std::int64_t channels;
    std::int64_t terms;  // of a patch: taps channels
};

// patches [count, terms] = what the window sees at the positions from `first` on, counted through all images; what lies
// outside the map is zero. The taps of one row of the window lie side by side in the map as in the patch, so a thread's
// unit is some elements of such a row.
template <int kElements>
__global__ void gather_patches(const float* __restrict__ x, float* __restrict__ patches, PatchMaps maps,
                               std::int64_t first, std::int64_t count) {
    using Elements = Vector<float, kElements>;
    const Window& window = maps.window;
    const std::int64_t row_terms = window.kernel_width * maps.channels;
    auto* to = reinterpret_cast<Elements*>(patches);
    for (RowWalk walk(row_terms / kElements); walk.row < count * window.kernel_height; walk.advance()) {
        const auto row = static_cast<std::uint32_t>(walk.row);
        const auto kernel_height = static_cast<std::uint32_t>(window.kernel_height);
        const auto position = static_cast<std::uint32_t>(first) + row / kernel_height;
        const std::uint32_t line = position / static_cast<std::uint32_t>(window.output_width);
        const auto output_x = static_cast<int>(position % static_cast<std::uint32_t>(window.output_width));
        const std::uint32_t image = line / static_cast<std::uint32_t>(window.output_height);
        const auto output_y = static_cast<int>(line % static_cast<std::uint32_t>(window.output_height));
        const int y = output_y * window.stride - window.padding_height + static_cast<int>(row % kernel_height);
        // Of the first element of the row of taps, within the row of pixels: may be negative.
        const std::int64_t left = (output_x * window.stride - window.padding_width) * maps.channels;
        const std::int64_t at = left + walk.column * kElements;
        Elements elements{};
        if (y >= 0 && y < window.height && at >= 0 && at < window.width * maps.channels) {
            const std::int64_t pixels = (static_cast<std::int64_t>(image) * window.height + y) * window.width;
            elements = *reinterpret_cast<const Elements*>(x + pixels * maps.channels + at);
        }
        to[walk.row * (row_terms / kElements) + walk.column] = elements;
    }
}

// Pixels [first_pixel, first_pixel + pixels) of dx, counted through all images, of what all patches that hold them say.
// `patches` begin with the position first_position, and all positions that see the pixels are there.
template <int kElements>
__global__ void gather_pixels(const float* __restrict__ patches, float* __restrict__ dx, PatchMaps maps,
                              std::int64_t first_pixel, std::int64_t pixels, std::int64_t first_position) {
    using Elements = Vector<float, kElements>;
    const Window& window = maps.window;
    for (RowWalk walk(maps.channels / kElements); walk.row < pixels; walk.advance()) {
        const auto pixel = static_cast<std::uint32_t>(first_pixel + walk.row);
        const std::uint32_t line = pixel / static_cast<std::uint32_t>(window.width);
        const auto x = static_cast<int>(pixel % static_cast<std::uint32_t>(window.width));
        const std::uint32_t image = line / static_cast<std::uint32_t>(window.height);
        const auto y = static_cast<int>(line % static_cast<std::uint32_t>(window.height));
        const Span rows = seeing(y, window.stride, window.padding_height, window.kernel_height, window.output_height);
        const Span columns = seeing(x, window.stride, window.padding_width, window.kernel_width, window.output_width);
        const std::int64_t channel = walk.column * kElements;
        Elements sum{};
        for (int row = rows.first; row < rows.last; ++row) {
            const std::int64_t row_position =
                (static_cast<std::int64_t>(image) * window.output_height + row) * window.output_width - first_position;
            const int tap_row = (y + window.padding_height - row * window.stride) * window.kernel_width;
            for (int column = columns.first; column < columns.last; ++column) {
                const int tap = tap_row + x + window.padding_width - column * window.stride;
                const auto term = *reinterpret_cast<const Elements*>(patches + (row_position + column) * maps.terms +
                                                                     tap * maps.channels + channel);
                for (int i = 0; i < kElements; ++i)
                    sum.values[i] += term.values[i];
            }
        }
        *reinterpret_cast<Elements*>(dx + (first_pixel + walk.row) * maps.channels + channel) = sum;
    }
}

// Gathering vectors where pixels and operands are made of them.
bool moves_vectors(const PatchMaps& maps, const float* map) {
    return maps.channels % kVectorElements == 0 && is_vector_aligned(map);
}

void launch_gather_patches(const PatchMaps& maps, const float* x, float* patches, std::int64_t first,
                           std::int64_t count, cudaStream_t stream) {
    const bool vectors = moves_vectors(maps, x);
    launch_kernel(vectors ? &gather_patches<kVectorElements> : &gather_patches<1>,
                  grid_for(count * maps.terms / (vectors ? kVectorElements : 1)), dim3(kBlockThreads), stream,
                  "gathering patches", x, patches, maps, first, count);
}

void launch_gather_pixels(const PatchMaps& maps, const float* patches, float* dx, std::int64_t first_pixel,
                          std::int64_t pixels, std::int64_t first_position, cudaStream_t stream) {
    const bool vectors = moves_vectors(maps, dx);
    launch_kernel(vectors ? &gather_pixels<kVectorElements> : &gather_pixels<1>,
                  grid_for(pixels * maps.channels / (vectors ? kVectorElements : 1)), dim3(kBlockThreads), stream,
                  "gathering pixels", patches, dx, maps, first_pixel, pixels, first_position);
}

std::int64_t divided_up(std::int64_t count, std::int64_t by) {
    return (count + by - 1) / by;
}

// Maps of one convolution, and the scratch of its kernels: patches of at most `patch_rows` positions, then what the
// product needs.
class PatchSizes {
  public:
    explicit PatchSizes(const ConvolutionSizes& sizes) : sizes_(sizes) {
        // A position then sees exactly its pixel: maps are their own patches.
        const Window& window = sizes.window;
        are_maps_ = window.taps() == 1 && window.stride == 1 && window.padding_height == 0 && window.padding_width == 0;
    }
    const ConvolutionSizes* operator->() const { return &sizes_; }
    bool are_maps() const { return are_maps_; }
    std::int64_t terms() const { return sizes_.weight_rows(); }
    std::size_t row_bytes() const { return static_cast<std::size_t>(terms()) * sizeof(float); }
    PatchMaps maps() const { return {sizes_.window, sizes_.channels, terms()}; }
    // Before the scratch of the product.
    std::size_t scratch_of(std::int64_t patch_rows) const {
        constexpr std::size_t kAlignment = 256;
        if (are_maps_) return 0;
        return (static_cast<std::size_t>(patch_rows) * row_bytes() + kAlignment - 1) / kAlignment * kAlignment;
    }

  private:
    ConvolutionSizes sizes_;
    bool are_maps_;
};

// Positions whose patches are in scratch at once: as many as fit, or fewer so that all blocks have about as many. Whole
// vectors, so that the rows of dy and y at which later blocks begin are as aligned as the first.
std::int64_t block_positions(const PatchSizes& sizes, std::size_t patch_bytes) {
    const std::int64_t positions = sizes->positions();
    if (sizes.are_maps()) return positions;
    std::int64_t most = std::max<std::int64_t>(static_cast<std::int64_t>(patch_bytes / sizes.row_bytes()), 1);
    if (most >= positions) return positions;
    if (most < kVectorElements) return most;
    most -= most % kVectorElements;
    const std::int64_t even = divided_up(positions, divided_up(positions, most));
    return divided_up(even, kVectorElements) * kVectorElements;
}

// y and dweights: blocks of positions, each gathered and multiplied.
class PatchProduct final : public Kernel {
  public:
    PatchProduct(const DeviceContext& device, const OpProblem& problem, const ConvolutionSizes& sizes, bool of_weights,
                 std::size_t patch_bytes)
        : sizes_(sizes),
          of_weights_(of_weights),
          positions_(block_positions(sizes_, patch_bytes)),
          product_(device, problem, product_shape(positions_),
                   // The gradient of weights has no rows of the batch.
                   of_weights ? std::vector<ProductShape>()
                              : invariant_sizes(problem, [&](std::int64_t rows) { return product_shape(rows); })) {}

    std::size_t scratch_bytes() const override { return sizes_.scratch_of(positions_) + product_.scratch_bytes(); }
    std::span<const std::uint8_t> choice() const override { return product_.choice(); }

    void launch(const KernelArguments& call) const override {
        std::byte* workspace = call.scratch + sizes_.scratch_of(positions_);
        auto* gathered = reinterpret_cast<float*>(call.scratch);
        ProductShape present = product_.capacity();
        for (std::int64_t first = 0; first < sizes_->positions(); first += positions_) {
            const std::int64_t count = std::min(positions_, sizes_->positions() - first);
            if (!sizes_.are_maps())
                launch_gather_patches(sizes_.maps(), call.input<float>(0), gathered, first, count, call.stream.stream);
            const float* patches = sizes_.are_maps() ? call.input<float>(0) : gathered;
            if (!of_weights_) {
                present.rows = count;
                product_.launch(call.stream, patches, call.input<float>(1),
                                call.output<float>(0) + first * sizes_->kernels, workspace, present);
                continue;
            }
            present.inner = count;
            const float* dy = call.input<float>(1) + first * sizes_->kernels;
            if (first == 0)
                product_.launch(call.stream, patches, dy, call.output<float>(0), workspace, present);
            else
                product_.launch_added(call.stream, patches, dy, call.output<float>(0), workspace, present);
        }
    }

  private:
    ProductShape product_shape(std::int64_t positions) const {
        return of_weights_ ? ProductShape::dense(sizes_.terms(), positions, sizes_->kernels, true, false)
                           : ProductShape::dense(positions, sizes_.terms(), sizes_->kernels, false, false);
    }

    PatchSizes sizes_;
    bool of_weights_;
    std::int64_t positions_;  // of a block
    LibraryProduct product_;
};

// dx, in blocks of pixels of which each is complete: some images, or some rows of one image. The positions that see the
// first rows of such a block also see the last of the one before, and are computed for both.
class PatchGradientInput final : public Kernel {
  public:
    PatchGradientInput(const DeviceContext& device, const OpProblem& problem, const ConvolutionSizes& sizes,
                       std::size_t patch_bytes)
        : sizes_(sizes),
          block_(sizes_, patch_bytes),
          product_(device, problem, product_shape(block_.positions),
                   invariant_sizes(problem, [&](std::int64_t rows) { return product_shape(rows); })) {}

    std::size_t scratch_bytes() const override {
        return sizes_.scratch_of(block_.positions) + product_.scratch_bytes();
    }
    std::span<const std::uint8_t> choice() const override { return product_.choice(); }

    void launch(const KernelArguments& call) const override {
        const Window& window = sizes_->window;
        if (sizes_.are_maps())
            return product_.launch(call.stream, call.input<float>(0), call.input<float>(1), call.output<float>(0),
                                   call.scratch, product_.capacity());
        for (int image = 0; image < sizes_->images; image += block_.images)
            for (int row = 0; row < window.height; row += block_.rows)
                launch_block(call, image, row);
    }

  private:
    struct Block {
        int images;
        int rows;                // of pixels
        std::int64_t positions;  // at most, that see them

        Block(const PatchSizes& sizes, std::size_t patch_bytes)
            : images(sizes->images), rows(sizes->window.height), positions(sizes->positions()) {
            const Window& window = sizes->window;
            const std::size_t line_bytes = static_cast<std::size_t>(window.output_width) * sizes.row_bytes();
            const auto lines = static_cast<std::int64_t>(patch_bytes / line_bytes);  // of positions
            if (sizes.are_maps() || lines >= std::int64_t{images} * window.output_height) return;
            if (lines >= window.output_height) {
                const std::int64_t blocks = divided_up(images, lines / window.output_height);
                images = static_cast<int>(divided_up(images, blocks));
                positions = std::int64_t{images} * window.output_pixels();
                return;
            }
            images = 1;
            // Of n rows of pixels, the first position's row lies up to kernel_height - 1 above them.
            const std::int64_t most = std::clamp<std::int64_t>(lines * window.stride - window.kernel_height + 1, 1,
                                                               std::int64_t{window.height});
            rows = static_cast<int>(divided_up(window.height, divided_up(window.height, most)));
            const int most_lines = (rows + window.kernel_height - 2) / window.stride + 1;
            positions = std::int64_t{std::min(most_lines, window.output_height)} * window.output_width;
        }
    };

    ProductShape product_shape(std::int64_t positions) const {
        return ProductShape::dense(positions, sizes_->kernels, sizes_.terms(), false, true);
    }

    void launch_block(const KernelArguments& call, int image, int row) const {
        const Window& window = sizes_->window;
        const int images = std::min(block_.images, sizes_->images - image);
        const int rows = std::min(block_.rows, window.height - row);
        const auto lines_of = [&](int pixel_row) {
            return seeing(pixel_row, window.stride, window.padding_height, window.kernel_height, window.output_height);
        };
        Span lines{0, window.output_height};
        if (rows < window.height) lines = {lines_of(row).first, lines_of(row + rows - 1).last};
        const std::int64_t first =
            (std::int64_t{image} * window.output_height + lines.first) * std::int64_t{window.output_width};
        auto* patches = reinterpret_cast<float*>(call.scratch);
        ProductShape present = product_.capacity();
        present.rows = std::int64_t{images} * std::max(lines.length(), 0) * window.output_width;
        product_.launch(call.stream, call.input<float>(0) + first * sizes_->kernels, call.input<float>(1), patches,
                        call.scratch + sizes_.scratch_of(block_.positions), present);
        const std::int64_t first_pixel = (std::int64_t{image} * window.height + row) * window.width;
        launch_gather_pixels(sizes_.maps(), patches, call.output<float>(0), first_pixel,
                             std::int64_t{images} * rows * window.width, first, call.stream.stream);
    }

    PatchSizes sizes_;
    Block block_;
    LibraryProduct product_;
};

}  // namespace

bool is_choice_of_patches(std::span<const std::uint8_t> choice) {
    return choice.size() == LibraryProduct::kChoiceBytes;
}

std::unique_ptr<Kernel> make_patch_convolution(const DeviceContext& device, const OpProblem& problem,
                                               const ConvolutionSizes& sizes, std::size_t patch_bytes) {
    return std::make_unique<PatchProduct>(device, problem, sizes, false, patch_bytes);
}

std::unique_ptr<Kernel> make_patch_gradient_input(const DeviceContext& device, const OpProblem& problem,
                                                  const ConvolutionSizes& sizes, std::size_t patch_bytes) {
    return std::make_unique<PatchGradientInput>(device, problem, sizes, patch_bytes);
}

std::unique_ptr<Kernel> make_patch_gradient_weights(const DeviceContext& device, const OpProblem& problem,
                                                    const ConvolutionSizes& sizes, std::size_t patch_bytes) {
    return std::make_unique<PatchProduct>(device, problem, sizes, true, patch_bytes);
}

}  // namespace tensile::cuda
