// Ops that only move bytes: copies, and rows or columns put together, cut and repeated. All are lists of pieces, each a
// matrix of bytes that is copied, or filled with zeros, from one row pitch to another.
#include <algorithm>
#include <string>
#include <vector>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

// Pieces of one launch; more are copied by several.
constexpr std::size_t kMostPieces = 16;

// In units of the words that are moved.
struct Piece {
    const void* from;  // null: zeros
    void* to;
    std::int64_t rows;
    std::int64_t width;
    std::int64_t from_pitch;  // 0: one row, repeated
    std::int64_t to_pitch;
};
struct Pieces {
    Piece items[kMostPieces];
};

// Each row of the grid copies one piece.
template <typename Word>
__global__ void copy_pieces(Pieces pieces) {
    const Piece& piece = pieces.items[blockIdx.y];
    const auto* from = static_cast<const Word*>(piece.from);
    auto* to = static_cast<Word*>(piece.to);
    for (RowWalk at(piece.width); at.row < piece.rows; at.advance())
        to[at.row * piece.to_pitch + at.column] =
            from == nullptr ? Word{} : from[at.row * piece.from_pitch + at.column];
}

// A piece of an op, in bytes. `input` -1: zeros.
struct PieceLayout {
    int input;
    std::int64_t from_offset;
    std::int64_t from_pitch;
    int output;
    std::int64_t to_offset;
    std::int64_t to_pitch;
    std::int64_t width;
};

class PieceKernel final : public Kernel {
  public:
    // `rows`: the type whose present rows are those of every piece.
    PieceKernel(const OpProblem& problem, TensorType rows, std::vector<PieceLayout> pieces)
        : name_(problem.name), rows_(std::move(rows)), pieces_(std::move(pieces)) {
        std::erase_if(pieces_, [](const PieceLayout& piece) { return piece.width == 0; });
    }

    // One piece that lies alike in input and output needs no copy in place.
    std::uint64_t overwritable_inputs() const override {
        const bool is_copy = pieces_.size() == 1 && pieces_[0].input == 0 &&
                             pieces_[0].width == pieces_[0].from_pitch && pieces_[0].width == pieces_[0].to_pitch;
        return is_copy ? 1 : 0;
    }

    void launch(const KernelArguments& arguments) const override {
        const std::int64_t rows = rows_.present_rows(arguments.extents);
        if (rows == 0) return;
        for (std::size_t begin = 0; begin < pieces_.size(); begin += kMostPieces)
            launch_pieces(arguments, rows,
                          std::span(pieces_).subspan(begin, std::min(kMostPieces, pieces_.size() - begin)));
    }

  private:
    void launch_pieces(const KernelArguments& arguments, std::int64_t rows,
                       std::span<const PieceLayout> layouts) const {
        Pieces pieces{};
        std::uint64_t misalignment = 0;
        std::int64_t widest = 0;
        for (std::size_t i = 0; i < layouts.size(); ++i) {
            const PieceLayout& layout = layouts[i];
            Piece& piece = pieces.items[i];
            if (layout.input >= 0) piece.from = arguments.input<std::byte>(layout.input) + layout.from_offset;
            piece.to = arguments.output<std::byte>(layout.output) + layout.to_offset;
            if (piece.from == piece.to) return;  // in place
            piece.rows = rows;
            piece.width = layout.width;
            piece.from_pitch = layout.from_pitch;
            piece.to_pitch = layout.to_pitch;
            misalignment |= reinterpret_cast<std::uintptr_t>(piece.from) | reinterpret_cast<std::uintptr_t>(piece.to);
            // The pitch of a single row does not matter.
            if (rows > 1) misalignment |= static_cast<std::uint64_t>(piece.from_pitch | piece.to_pitch);
            misalignment |= static_cast<std::uint64_t>(piece.width);
            widest = std::max(widest, piece.width);
        }
        if (misalignment % 16 == 0) {
            launch_words<Vector<float, 4>>(arguments, pieces, layouts.size(), rows, widest);
        } else if (misalignment % 4 == 0) {
            launch_words<std::uint32_t>(arguments, pieces, layouts.size(), rows, widest);
        } else if (misalignment % 2 == 0) {
            launch_words<std::uint16_t>(arguments, pieces, layouts.size(), rows, widest);
        } else {
            launch_words<std::uint8_t>(arguments, pieces, layouts.size(), rows, widest);
        }
    }

    template <typename Word>
    void launch_words(const KernelArguments& arguments, Pieces pieces, std::size_t count, std::int64_t rows,
                      std::int64_t widest) const {
        constexpr auto kBytes = static_cast<std::int64_t>(sizeof(Word));
        for (Piece& piece : pieces.items) {
            piece.width /= kBytes;
            piece.from_pitch /= kBytes;
            piece.to_pitch /= kBytes;
        }
        dim3 grid = grid_for(rows * (widest / kBytes));
        grid.y = static_cast<unsigned>(count);
        launch_kernel(&copy_pieces<Word>, grid, dim3(kBlockThreads), arguments.stream.stream, name_.c_str(), pieces);
    }

    std::string name_;
    TensorType rows_;
    std::vector<PieceLayout> pieces_;
};

std::int64_t row_bytes(const TensorType& type) {
    return type.row_width() * static_cast<std::int64_t>(size_of(type.dtype));
}
std::int64_t bytes(const TensorType& type) {
    return type.rows() * row_bytes(type);
}

// One row of bytes: what is copied whole.
TensorType single_row() {
    return TensorType{DType::kU8, {1}, -1};
}

std::unique_ptr<Kernel> make_concat_columns(const DeviceContext&, const OpProblem& problem) {
    const std::int64_t total = row_bytes(problem.outputs[0]);
    std::vector<PieceLayout> pieces;
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
        const std::int64_t width = row_bytes(problem.inputs[i]);
        pieces.push_back({static_cast<int>(i), 0, width, 0, offset, total, width});
        offset += width;
    }
    return std::make_unique<PieceKernel>(problem, problem.outputs[0], std::move(pieces));
}

std::unique_ptr<Kernel> make_split_columns(const DeviceContext&, const OpProblem& problem) {
    const std::int64_t total = row_bytes(problem.inputs[0]);
    std::vector<PieceLayout> pieces;
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < problem.outputs.size(); ++i) {
        const std::int64_t width = row_bytes(problem.outputs[i]);
        pieces.push_back({0, offset, total, static_cast<int>(i), 0, width, width});
        offset += width;
    }
    return std::make_unique<PieceKernel>(problem, problem.inputs[0], std::move(pieces));
}

std::unique_ptr<Kernel> make_slice_columns(const DeviceContext&, const OpProblem& problem) {
    const std::int64_t width = row_bytes(problem.outputs[0]);
    const std::int64_t offset = problem.integer("begin") * static_cast<std::int64_t>(size_of(problem.outputs[0].dtype));
    const PieceLayout piece{0, offset, row_bytes(problem.inputs[0]), 0, 0, width, width};
    return std::make_unique<PieceKernel>(problem, problem.outputs[0], std::vector{piece});
}

std::unique_ptr<Kernel> make_pad_columns(const DeviceContext&, const OpProblem& problem) {
    const std::int64_t width = row_bytes(problem.inputs[0]);
    const std::int64_t total = row_bytes(problem.outputs[0]);
    const std::int64_t begin = problem.integer("begin") * static_cast<std::int64_t>(size_of(problem.outputs[0].dtype));
    const std::int64_t end = begin + width;
    return std::make_unique<PieceKernel>(problem, problem.outputs[0],
                                         std::vector<PieceLayout>{{0, 0, width, 0, begin, total, width},
                                                                  {-1, 0, 0, 0, 0, total, begin},
                                                                  {-1, 0, 0, 0, end, total, total - end}});
}

std::unique_ptr<Kernel> make_broadcast_rows(const DeviceContext&, const OpProblem& problem) {
    const std::int64_t width = row_bytes(problem.outputs[0]);
    const PieceLayout piece{0, 0, 0, 0, 0, width, width};
    return std::make_unique<PieceKernel>(problem, problem.outputs[0], std::vector{piece});
}

std::unique_ptr<Kernel> make_concat_rows(const DeviceContext&, const OpProblem& problem) {
    std::vector<PieceLayout> pieces;
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
        const std::int64_t size = bytes(problem.inputs[i]);
        pieces.push_back({static_cast<int>(i), 0, size, 0, offset, size, size});
        offset += size;
    }
    return std::make_unique<PieceKernel>(problem, single_row(), std::move(pieces));
}

// The present rows of an input that lies as the output does.
std::unique_ptr<Kernel> make_stop_gradient(const DeviceContext&, const OpProblem& problem) {
    const std::int64_t width = row_bytes(problem.inputs[0]);
    return std::make_unique<PieceKernel>(problem, problem.inputs[0],
                                         std::vector<PieceLayout>{{0, 0, width, 0, 0, width, width}});
}

// All bytes of a static input.
std::unique_ptr<Kernel> make_whole_copy(const OpProblem& problem, int input) {
    const std::int64_t size = bytes(problem.outputs[0]);
    return std::make_unique<PieceKernel>(problem, single_row(),
                                         std::vector<PieceLayout>{{input, 0, size, 0, 0, size, size}});
}
std::unique_ptr<Kernel> make_reshape(const DeviceContext&, const OpProblem& problem) {
    return make_whole_copy(problem, 0);
}
// The output lies in the buffer of input 0, the destination.
std::unique_ptr<Kernel> make_copy(const DeviceContext&, const OpProblem& problem) {
    return make_whole_copy(problem, 1);
}

}  // namespace

void register_row_layout(KernelRegistry& registry) {
    registry.add("concat_columns", &make_concat_columns);
    registry.add("split_columns", &make_split_columns);
    registry.add("slice_columns", &make_slice_columns);
    registry.add("pad_columns", &make_pad_columns);
    registry.add("broadcast_rows", &make_broadcast_rows);
    registry.add("concat_rows", &make_concat_rows);
    registry.add("stop_gradient", &make_stop_gradient);
    registry.add("reshape", &make_reshape);
    registry.add("copy", &make_copy);
}

}  // namespace tensile::cuda
