// The ops mode_product and mode_product_gradient (graph/ops/mode_product.h).
//
// Rows of x and y are read as [repeats, groups, outer, N or M, inner]. Where the elements along the mode lie side by
// side, that is a matrix product (a batch of one for each group) and cuBLASLt's; so it is where the blocks [N, inner]
// are large matrices of their own. The kernels here do the rest: all blocks of one group are one matrix whose columns
// are (row, repeat, outer, inner), each with its elements `inner` apart.
#include "cuda/error.h"
#include "cuda/kernel_registry.h"
#include "cuda/kernels/grid_walk.h"
#include "cuda/kernels/library_product.h"
#include "cuda/launch.h"

namespace tensile::cuda {

namespace {

struct ModeShape {
    std::int64_t groups, outer, inner, repeats;
    std::int64_t rows;  // M
    std::int64_t size;  // N
    bool transpose;

    // Columns of the matrix of one group that a batch of `batch` rows has.
    std::int64_t columns(std::int64_t batch) const { return batch * repeats * outer * inner; }
    // Element 0 of column `column` of group `group`, where the mode has `length` elements.
    __host__ __device__ std::int64_t place(std::int64_t column, std::int64_t group, std::int64_t length) const {
        const std::int64_t block = column / inner;
        return (((block / outer) * groups + group) * outer + block % outer) * length * inner + column % inner;
    }
    // Element [m, n] of a group's matrix as it is stored.
    __host__ __device__ std::int64_t matrix_place(std::int64_t group, std::int64_t m, std::int64_t n) const {
        return transpose ? (group * size + n) * rows + m : (group * rows + m) * size + n;
    }
};

// An operand as the product sees it: rounded to bf16, to nearest even, where the problem asks for it.
__device__ float operand(float value, bool bf16) {
    if (!bf16) return value;
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7f800000U) == 0x7f800000U) return value;
    return __uint_as_float((bits + 0x7fffU + (bits >> 16 & 1U)) & 0xffff0000U);
}

constexpr int kTileRows = 32;
constexpr int kTileColumns = 64;
constexpr int kTileTerms = 16;
// A block of threads is 16 x 16; each has kTileRows / 16 x kTileColumns / 16 results.
constexpr int kSide = 16;

// Tile (blockIdx.y, blockIdx.x) of y = A x for each group.
__global__ void mode_product_kernel(ModeShape shape, std::int64_t columns, const float* __restrict__ x,
                                    const float* __restrict__ matrix, float* __restrict__ y, bool bf16) {
    __shared__ float matrix_tile[kTileTerms][kTileRows + 1];
    __shared__ float x_tile[kTileTerms][kTileColumns + 1];
    const int thread = static_cast<int>(threadIdx.x);
    const int across = thread % kSide;
    const int down = thread / kSide;
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * kTileRows;
    const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * kTileColumns;
    // While loading, a thread stays in one column of x.
    const std::int64_t loaded_column = first_column + thread % kTileColumns;
    for (std::int64_t group = blockIdx.z; group < shape.groups; group += gridDim.z) {
        float sums[kTileRows / kSide][kTileColumns / kSide] = {};
        const bool loads = loaded_column < columns;
        const std::int64_t from = loads ? shape.place(loaded_column, group, shape.size) : 0;
        for (std::int64_t term = 0; term < shape.size; term += kTileTerms) {
            for (int i = thread; i < kTileTerms * kTileRows; i += kBlockThreads) {
                // Neighbours in the order in which the matrix is stored.
                const int k = shape.transpose ? i / kTileRows : i % kTileTerms;
                const int row = shape.transpose ? i % kTileRows : i / kTileTerms;
                const std::int64_t m = first_row + row;
                const std::int64_t n = term + k;
                const bool inside = m < shape.rows && n < shape.size;
                matrix_tile[k][row] = inside ? operand(matrix[shape.matrix_place(group, m, n)], bf16) : 0;
            }
            for (int k = thread / kTileColumns; k < kTileTerms; k += kBlockThreads / kTileColumns) {
                const std::int64_t n = term + k;
                const bool inside = loads && n < shape.size;
                x_tile[k][thread % kTileColumns] = inside ? operand(x[from + n * shape.inner], bf16) : 0;
            }
            __syncthreads();
            for (int k = 0; k < kTileTerms; ++k)
                for (int i = 0; i < kTileRows / kSide; ++i)
                    for (int j = 0; j < kTileColumns / kSide; ++j)
                        sums[i][j] = fmaf(matrix_tile[k][down + i * kSide], x_tile[k][across + j * kSide], sums[i][j]);
            __syncthreads();
        }
        for (int j = 0; j < kTileColumns / kSide; ++j) {
            const std::int64_t column = first_column + across + j * kSide;
            if (column >= columns) continue;
            const std::int64_t to = shape.place(column, group, shape.rows);
            for (int i = 0; i < kTileRows / kSide; ++i) {
                const std::int64_t m = first_row + down + i * kSide;
                if (m < shape.rows) y[to + m * shape.inner] = sums[i][j];
            }
        }
    }
}

constexpr int kGradientTile = 32;
constexpr int kGradientColumns = 32;  // that are taken in at a time

// Span `span` of the columns for the tile of (m, n) that blockIdx.y and blockIdx.x name; blockIdx.z counts spans within
// groups. Partial sums lie as [span][matrices as stored].
__global__ void mode_gradient_kernel(ModeShape shape, std::int64_t columns, std::int64_t span_columns, int spans,
                                     const float* __restrict__ x, const float* __restrict__ dy,
                                     float* __restrict__ partial, bool bf16) {
    __shared__ float dy_tile[kGradientTile][kGradientColumns + 1];
    __shared__ float x_tile[kGradientTile][kGradientColumns + 1];
    constexpr int kPerThread = kGradientTile / kSide;
    const int thread = static_cast<int>(threadIdx.x);
    const int across = thread % kSide;
    const int down = thread / kSide;
    const std::int64_t first_m = static_cast<std::int64_t>(blockIdx.y) * kGradientTile;
    const std::int64_t first_n = static_cast<std::int64_t>(blockIdx.x) * kGradientTile;
    const std::int64_t pieces = shape.groups * spans;
    for (std::int64_t piece = blockIdx.z; piece < pieces; piece += gridDim.z) {
        const std::int64_t group = piece / spans;
        const std::int64_t span = piece % spans;
        const std::int64_t begin = span * span_columns;
        const std::int64_t end = begin + span_columns < columns ? begin + span_columns : columns;
        float sums[kPerThread][kPerThread] = {};
        for (std::int64_t column = begin; column < end; column += kGradientColumns) {
            const int c = thread % kGradientColumns;
            const bool inside = column + c < end;
            const std::int64_t from_dy = inside ? shape.place(column + c, group, shape.rows) : 0;
            const std::int64_t from_x = inside ? shape.place(column + c, group, shape.size) : 0;
            for (int i = thread / kGradientColumns; i < kGradientTile; i += kBlockThreads / kGradientColumns) {
                const std::int64_t m = first_m + i;
                const std::int64_t n = first_n + i;
                dy_tile[i][c] = inside && m < shape.rows ? operand(dy[from_dy + m * shape.inner], bf16) : 0;
                x_tile[i][c] = inside && n < shape.size ? operand(x[from_x + n * shape.inner], bf16) : 0;
            }
            __syncthreads();
            for (int k = 0; k < kGradientColumns; ++k)
                for (int i = 0; i < kPerThread; ++i)
                    for (int j = 0; j < kPerThread; ++j)
                        sums[i][j] = fmaf(dy_tile[down + i * kSide][k], x_tile[across + j * kSide][k], sums[i][j]);
            __syncthreads();
        }
        float* const to = partial + span * shape.groups * shape.rows * shape.size;
        for (int i = 0; i < kPerThread; ++i) {
            for (int j = 0; j < kPerThread; ++j) {
                const std::int64_t m = first_m + down + i * kSide;
                const std::int64_t n = first_n + across + j * kSide;
                if (m < shape.rows && n < shape.size) to[shape.matrix_place(group, m, n)] = sums[i][j];
            }
        }
    }
}

__global__ void add_spans_kernel(std::int64_t count, int spans, const float* __restrict__ partial,
                                 float* __restrict__ sum) {
    for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
        float total = 0;
        for (int span = 0; span < spans; ++span)
            total += partial[span * count + i];
        sum[i] = total;
    }
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

unsigned blocks_of(std::int64_t count) {
    return static_cast<unsigned>(std::min<std::int64_t>(count, 65535));
}

ModeShape shape_of(const OpProblem& problem, bool gradient) {
    ModeShape shape{problem.integer("groups"), problem.integer("outer"), problem.integer("inner"), 1, 1, 1,
                    problem.flag("transpose")};
    const TensorType& x = problem.inputs[0];
    const std::int64_t block = shape.groups * shape.outer * shape.inner;
    if (gradient) {
        shape.size = problem.integer("size");
        shape.repeats = x.dim(1) / (block * shape.size);
        shape.rows = problem.inputs[1].dim(1) / (block * shape.repeats);
    } else {
        const std::int64_t down = problem.inputs[1].dim(0) / shape.groups;
        const std::int64_t across = problem.inputs[1].dim(1);
        shape.rows = shape.transpose ? across : down;
        shape.size = shape.transpose ? down : across;
        shape.repeats = x.dim(1) / (block * shape.size);
    }
    return shape;
}

// The elements along the mode lie side by side, and the blocks of a group at one distance: rows of a matrix.
bool is_matrix_of_rows(const ModeShape& shape) {
    return shape.inner == 1 && (shape.groups == 1 || shape.outer == 1);
}

// One group, whose blocks [N, inner] are large enough to be matrices of a batch.
bool is_batch_of_blocks(const ModeShape& shape) {
    return shape.groups == 1 && shape.inner >= 64 && shape.rows >= 16 && shape.size >= 16;
}

class LibraryModeProduct final : public Kernel {
  public:
    LibraryModeProduct(const DeviceContext& device, const OpProblem& problem, const ModeShape& shape)
        : x_(problem.inputs[0]),
          shape_(shape),
          product_(device, problem, product_shape(shape, x_.rows()),
                   invariant_sizes(problem, [&](std::int64_t rows) { return product_shape(shape, rows); })) {}

    std::size_t scratch_bytes() const override { return product_.scratch_bytes(); }
    std::span<const std::uint8_t> choice() const override { return product_.choice(); }

    void launch(const KernelArguments& arguments) const override {
        const auto* x = arguments.input<float>(0);
        const auto* matrix = arguments.input<float>(1);
        const bool rows = is_matrix_of_rows(shape_);
        product_.launch(arguments.stream, rows ? x : matrix, rows ? matrix : x, arguments.output<float>(0),
                        arguments.scratch, product_shape(shape_, x_.present_rows(arguments.extents)));
    }

  private:
    static ProductShape product_shape(const ModeShape& shape, std::int64_t batch) {
        if (!is_matrix_of_rows(shape)) {
            ProductShape product = ProductShape::dense(shape.rows, shape.size, shape.inner, shape.transpose, false);
            product.batch = batch * shape.repeats * shape.outer;
            product.a_stride = 0;
            return product;
        }
        ProductShape product =
            ProductShape::dense(batch * shape.repeats * shape.outer, shape.size, shape.rows, false, !shape.transpose);
        product.batch = shape.groups;
        product.a_width = shape.groups * shape.size;
        product.a_stride = shape.size;
        product.y_width = shape.groups * shape.rows;
        product.y_stride = shape.rows;
        return product;
    }

    TensorType x_;
    ModeShape shape_;
    LibraryProduct product_;
};

class TiledModeProduct final : public Kernel {
  public:
    TiledModeProduct(const OpProblem& problem, const ModeShape& shape)
        : x_(problem.inputs[0]), shape_(shape), bf16_(problem.precision == TENSILE_BFLOAT16) {
        if (divide_up(shape.rows, kTileRows) > 65535)
            throw PluginError(TENSILE_UNSUPPORTED, "mode_product has too many rows for its CUDA kernel");
    }

    void launch(const KernelArguments& arguments) const override {
        const std::int64_t columns = shape_.columns(x_.present_rows(arguments.extents));
        if (columns == 0) return;
        const dim3 grid(static_cast<unsigned>(divide_up(columns, kTileColumns)),
                        static_cast<unsigned>(divide_up(shape_.rows, kTileRows)), blocks_of(shape_.groups));
        launch_kernel(mode_product_kernel, grid, dim3(kBlockThreads), arguments.stream.stream, "mode_product", shape_,
                      columns, arguments.input<float>(0), arguments.input<float>(1), arguments.output<float>(0), bf16_);
    }

  private:
    TensorType x_;
    ModeShape shape_;
    bool bf16_;
};

class LibraryModeGradient final : public Kernel {
  public:
    LibraryModeGradient(const DeviceContext& device, const OpProblem& problem, const ModeShape& shape)
        // A sum over the batch has no rows of it.
        : x_(problem.inputs[0]), shape_(shape), product_(device, problem, product_shape(shape, x_.rows()), {}) {}

    std::size_t scratch_bytes() const override { return product_.scratch_bytes(); }
    std::span<const std::uint8_t> choice() const override { return product_.choice(); }

    void launch(const KernelArguments& arguments) const override {
        const auto* x = arguments.input<float>(0);
        const auto* dy = arguments.input<float>(1);
        product_.launch(arguments.stream, shape_.transpose ? x : dy, shape_.transpose ? dy : x,
                        arguments.output<float>(0), arguments.scratch,
                        product_shape(shape_, x_.present_rows(arguments.extents)));
    }

  private:
    // dy^T x, or x^T dy for matrices that are stored transposed.
    static ProductShape product_shape(const ModeShape& shape, std::int64_t batch) {
        const std::int64_t first = shape.transpose ? shape.size : shape.rows;
        const std::int64_t second = shape.transpose ? shape.rows : shape.size;
        ProductShape product = ProductShape::dense(first, batch * shape.repeats * shape.outer, second, true, false);
        product.batch = shape.groups;
        product.a_width = shape.groups * first;
        product.a_stride = first;
        product.b_width = shape.groups * second;
        product.b_stride = second;
        return product;
    }

    TensorType x_;
    ModeShape shape_;
    LibraryProduct product_;
};

class TiledModeGradient final : public Kernel {
  public:
    TiledModeGradient(const DeviceContext& device, const OpProblem& problem, const ModeShape& shape)
        : x_(problem.inputs[0]), shape_(shape), bf16_(problem.precision == TENSILE_BFLOAT16) {
        const std::int64_t tiles =
            divide_up(shape.rows, kGradientTile) * divide_up(shape.size, kGradientTile) * shape.groups;
        // Enough blocks for the device, but none with less than eight steps, and a second pass that stays short.
        constexpr std::int64_t kLeastSpan = 8 * kGradientColumns;
        constexpr std::int64_t kMostSpans = 64;
        const std::int64_t wanted = divide_up(std::int64_t{4} * device.multiprocessors, tiles);
        const std::int64_t possible = divide_up(shape.columns(x_.rows()), kLeastSpan);
        spans_ = static_cast<int>(std::clamp<std::int64_t>(std::min(wanted, possible), 1, kMostSpans));
        if (divide_up(shape.rows, kGradientTile) > 65535)
            throw PluginError(TENSILE_UNSUPPORTED, "mode_product_gradient has too many rows for its CUDA kernel");
    }

    std::size_t scratch_bytes() const override {
        return spans_ == 1 ? 0 : static_cast<std::size_t>(matrix_elements() * spans_) * sizeof(float);
    }

    void launch(const KernelArguments& arguments) const override {
        const std::int64_t columns = shape_.columns(x_.present_rows(arguments.extents));
        const std::int64_t span_columns = divide_up(divide_up(columns, spans_), kGradientColumns) * kGradientColumns;
        auto* result = arguments.output<float>(0);
        auto* partial = spans_ == 1 ? result : reinterpret_cast<float*>(arguments.scratch);
        const dim3 grid(static_cast<unsigned>(divide_up(shape_.size, kGradientTile)),
                        static_cast<unsigned>(divide_up(shape_.rows, kGradientTile)),
                        blocks_of(shape_.groups * spans_));
        launch_kernel(mode_gradient_kernel, grid, dim3(kBlockThreads), arguments.stream.stream, "mode_product_gradient",
                      shape_, columns, span_columns, spans_, arguments.input<float>(0), arguments.input<float>(1),
                      partial, bf16_);
        if (spans_ > 1)
            launch_kernel(add_spans_kernel, grid_for(matrix_elements()), dim3(kBlockThreads), arguments.stream.stream,
                          "mode_product_gradient", matrix_elements(), spans_, partial, result);
    }

  private:
    std::int64_t matrix_elements() const { return shape_.groups * shape_.rows * shape_.size; }

    TensorType x_;
    ModeShape shape_;
    bool bf16_;
    int spans_ = 1;
};

std::unique_ptr<Kernel> make_mode_product(const DeviceContext& device, const OpProblem& problem) {
    require_float32(problem);
    const ModeShape shape = shape_of(problem, false);
    if (is_matrix_of_rows(shape) || is_batch_of_blocks(shape))
        return std::make_unique<LibraryModeProduct>(device, problem, shape);
    return std::make_unique<TiledModeProduct>(problem, shape);
}

std::unique_ptr<Kernel> make_mode_product_gradient(const DeviceContext& device, const OpProblem& problem) {
    require_float32(problem);
    const ModeShape shape = shape_of(problem, true);
    if (is_matrix_of_rows(shape)) return std::make_unique<LibraryModeGradient>(device, problem, shape);
    return std::make_unique<TiledModeGradient>(device, problem, shape);
}

}  // namespace

void register_mode_products(KernelRegistry& registry) {
    registry.add("mode_product", make_mode_product);
    registry.add("mode_product_gradient", make_mode_product_gradient);
}

}  // namespace tensile::cuda
