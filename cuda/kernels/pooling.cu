// Kernels of maximum and average pooling. Gradients gather: a thread owns a pixel of the input maps and adds up what
// the windows over it send, so nothing is added by several threads and the order is fixed.
#include "cuda/kernel_registry.h"
#include "cuda/kernels/column_reduction.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/window.h"

namespace tensile::cuda {

namespace {

// Pixel and channel of a thread: channels side by side, rows below each other. Grid: rows, then channel tiles.
struct Pixel {
    int row;
    int image;
    int y;
    int x;
    std::int64_t channel;

    __device__ Pixel(int height, int width, int block_channels)
        : row(static_cast<int>(blockIdx.x * (blockDim.x / block_channels) + threadIdx.x / block_channels)),
          image(row / width / height),
          y(row / width % height),
          x(row % width),
          channel(static_cast<std::int64_t>(blockIdx.y) * block_channels + threadIdx.x % block_channels) {}
};

struct Maps {
    Window window;
    std::int64_t channels;
    int images;
    int block_channels;

    Maps(const OpProblem& problem, const TensorType& input)
        : window(problem),
          channels(input.dim(1)),
          images(static_cast<int>(input.rows() / window.input_pixels())),
          block_channels(ColumnCut(input.rows(), channels).block_columns) {}
    int input_rows() const { return images * window.input_pixels(); }
    int output_rows() const { return images * window.output_pixels(); }
    std::int64_t outputs() const { return output_rows() * channels; }
    dim3 grid(int rows) const {
        const int block_rows = kBlockThreads / block_channels;
        return dim3(static_cast<unsigned>((rows + block_rows - 1) / block_rows),
                    static_cast<unsigned>((channels + block_channels - 1) / block_channels));
    }
};

// The greatest value of each window and, with kPlaces, where it lies in its image: y width + x. The first of equal
// ones; as in the reference, a NaN counts only if it comes first.
template <bool kPlaces>
__global__ void find_greatest(const float* __restrict__ x, float* __restrict__ y, int* __restrict__ places, Maps maps) {
    const Window& window = maps.window;
    const Pixel pixel(window.output_height, window.output_width, maps.block_channels);
    if (pixel.row >= maps.images * window.output_height * window.output_width || pixel.channel >= maps.channels) return;
    const Span rows = seen(pixel.y, window.stride, window.padding_height, window.kernel_height, window.height);
    const Span columns = seen(pixel.x, window.stride, window.padding_width, window.kernel_width, window.width);
    const float* image =
        x + static_cast<std::int64_t>(pixel.image) * window.height * window.width * maps.channels + pixel.channel;
    int place = rows.first * window.width + columns.first;
    float greatest = image[place * maps.channels];
    for (int row = rows.first; row < rows.last; ++row) {
        for (int column = columns.first; column < columns.last; ++column) {
            const float value = image[(row * window.width + column) * maps.channels];
            if (value > greatest) {
                greatest = value;
                place = row * window.width + column;
            }
        }
    }
    const std::int64_t at = pixel.row * maps.channels + pixel.channel;
    if constexpr (kPlaces) {
        places[at] = place;
    } else {
        y[at] = greatest;
    }
}

__global__ void gather_greatest(const int* __restrict__ places, const float* __restrict__ dy, float* __restrict__ dx,
                                Maps maps) {
    const Window& window = maps.window;
    const Pixel pixel(window.height, window.width, maps.block_channels);
    if (pixel.row >= maps.images * window.height * window.width || pixel.channel >= maps.channels) return;
    const Span rows = seeing(pixel.y, window.stride, window.padding_height, window.kernel_height, window.output_height);
    const Span columns = seeing(pixel.x, window.stride, window.padding_width, window.kernel_width, window.output_width);
    const std::int64_t image = static_cast<std::int64_t>(pixel.image) * window.output_height * window.output_width;
    const int place = pixel.y * window.width + pixel.x;
    float sum = 0;
    for (int row = rows.first; row < rows.last; ++row) {
        for (int column = columns.first; column < columns.last; ++column) {
            const std::int64_t at = (image + row * window.output_width + column) * maps.channels + pixel.channel;
            if (places[at] == place) sum += dy[at];
        }
    }
    dx[pixel.row * maps.channels + pixel.channel] = sum;
}

__global__ void average(const float* __restrict__ x, float* __restrict__ y, Maps maps, bool count_padding) {
    const Window& window = maps.window;
    const Pixel pixel(window.output_height, window.output_width, maps.block_channels);
    if (pixel.row >= maps.images * window.output_height * window.output_width || pixel.channel >= maps.channels) return;
    const Span rows = seen(pixel.y, window.stride, window.padding_height, window.kernel_height, window.height);
    const Span columns = seen(pixel.x, window.stride, window.padding_width, window.kernel_width, window.width);
    const float* image =
        x + static_cast<std::int64_t>(pixel.image) * window.height * window.width * maps.channels + pixel.channel;
    float sum = 0;
    for (int row = rows.first; row < rows.last; ++row) {
        float row_sum = 0;
        for (int column = columns.first; column < columns.last; ++column)
            row_sum += image[(row * window.width + column) * maps.channels];
        sum += row_sum;
    }
    const int pixels = count_padding ? window.kernel_height * window.kernel_width : rows.length() * columns.length();
    y[pixel.row * maps.channels + pixel.channel] = sum / static_cast<float>(pixels);
}

__global__ void average_gradient(const float* __restrict__ dy, float* __restrict__ dx, Maps maps, bool count_padding) {
    const Window& window = maps.window;
    const Pixel pixel(window.height, window.width, maps.block_channels);
    if (pixel.row >= maps.images * window.height * window.width || pixel.channel >= maps.channels) return;
    const Span rows = seeing(pixel.y, window.stride, window.padding_height, window.kernel_height, window.output_height);
    const Span columns = seeing(pixel.x, window.stride, window.padding_width, window.kernel_width, window.output_width);
    const std::int64_t image = static_cast<std::int64_t>(pixel.image) * window.output_height * window.output_width;
    float sum = 0;
    for (int row = rows.first; row < rows.last; ++row) {
        const int height =
            seen(row, window.stride, window.padding_height, window.kernel_height, window.height).length();
        for (int column = columns.first; column < columns.last; ++column) {
            const int width =
                seen(column, window.stride, window.padding_width, window.kernel_width, window.width).length();
            const int pixels = count_padding ? window.kernel_height * window.kernel_width : height * width;
            const std::int64_t at = (image + row * window.output_width + column) * maps.channels + pixel.channel;
            sum += dy[at] / static_cast<float>(pixels);
        }
    }
    dx[pixel.row * maps.channels + pixel.channel] = sum;
}

std::unique_ptr<Kernel> make_max_pool(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const Maps maps(problem, problem.inputs[0]);
    return function_kernel({}, [maps](const KernelArguments& call) {
        launch_kernel(&find_greatest<false>, maps.grid(maps.output_rows()), dim3(kBlockThreads), call.stream.stream,
                      "max_pool_2d", call.input<float>(0), call.output<float>(0), nullptr, maps);
    });
}

// Scratch: the place of each window's greatest value.
std::unique_ptr<Kernel> make_max_pool_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const Maps maps(problem, problem.inputs[0]);
    const std::size_t scratch = static_cast<std::size_t>(maps.outputs()) * sizeof(int);
    return function_kernel({.scratch_bytes = scratch}, [maps](const KernelArguments& call) {
        auto* places = reinterpret_cast<int*>(call.scratch);
        launch_kernel(&find_greatest<true>, maps.grid(maps.output_rows()), dim3(kBlockThreads), call.stream.stream,
                      "max_pool_2d_gradient", call.input<float>(0), nullptr, places, maps);
        launch_kernel(&gather_greatest, maps.grid(maps.input_rows()), dim3(kBlockThreads), call.stream.stream,
                      "max_pool_2d_gradient", places, call.input<float>(1), call.output<float>(0), maps);
    });
}

std::unique_ptr<Kernel> make_average_pool(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const Maps maps(problem, problem.inputs[0]);
    const bool count_padding = problem.flag("count_padding");
    return function_kernel({}, [maps, count_padding](const KernelArguments& call) {
        launch_kernel(&average, maps.grid(maps.output_rows()), dim3(kBlockThreads), call.stream.stream,
                      "average_pool_2d", call.input<float>(0), call.output<float>(0), maps, count_padding);
    });
}

std::unique_ptr<Kernel> make_average_pool_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const Maps maps(problem, problem.outputs[0]);
    const bool count_padding = problem.flag("count_padding");
    return function_kernel({}, [maps, count_padding](const KernelArguments& call) {
        launch_kernel(&average_gradient, maps.grid(maps.input_rows()), dim3(kBlockThreads), call.stream.stream,
                      "average_pool_2d_gradient", call.input<float>(0), call.output<float>(0), maps, count_padding);
    });
}

}  // namespace

void register_pooling(KernelRegistry& registry) {
    registry.add("max_pool_2d", &make_max_pool);
    registry.add("max_pool_2d_gradient", &make_max_pool_gradient);
    registry.add("average_pool_2d", &make_average_pool);
    registry.add("average_pool_2d_gradient", &make_average_pool_gradient);
}

}  // namespace tensile::cuda
