#include "device/cpu/lowering.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>

#include "device/buffer_assignment.h"
#include "device/cpu/convolution_kernel.h"
#include "device/cpu/matmul_kernel.h"
#include "device/cpu/tile_groups.h"
#include "device/update_slices.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kMatmul = "matmul";
constexpr std::string_view kBatchedMatmul = "batched_matmul";
constexpr std::string_view kModeProduct = "mode_product";

// What one core does in a nanosecond, roughly; used to choose tile sizes, so only the order of magnitude matters.
constexpr double kMatmulFlopsPerNanosecond = 80;
constexpr double kModeProductFlopsPerNanosecond = 40;
constexpr double kBytesPerNanosecond = 10;
// A tile of a row-wise group takes at least this long where there are rows enough, and never much more than the latter.
constexpr double kShortestTile = 20e3;
constexpr double kLongestTile = 3e6;
// Rows of such a tile where fewer would only cost efficiency.
constexpr std::int64_t kFewestRows = 16;

// Threads that may work on one op that needs scratch for each.
constexpr std::int64_t kMostParticipants = 32;
constexpr std::size_t kAlignment = 64;

std::size_t align(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

constexpr std::int64_t divide_up(std::int64_t value, std::int64_t by) {
    return (value + by - 1) / by;
}

// Rows of the tiles in which every row gets the same bits wherever oneDNN's result for a row depends on how many rows
// are computed at once.
constexpr std::int64_t kInvariantRows = 64;

class Lowering {
  public:
    Lowering(const Program& program, const LoweringOptions& options, const KernelTable& kernels,
             const OnednnLibrary& onednn)
        : program_(program),
          kernels_(kernels),
          onednn_(onednn),
          fixed_row_tiles_(options.batch_invariant && !OnednnLibrary::rows_are_independent()),
          split_chains_(options.split_chains),
          slice_bytes_(options.slice_bytes),
          buffers_(program, sliced_variables(program, options), options.slice_bytes),
          zero_tail_(program.values().size(), false) {}

    TileProgram run() {
        std::vector<NodeTraits> traits;
        for (const Node& node : program_.nodes()) {
            require_kernel(node);
            traits.push_back(traits_of(node));
            find_zero_tails(node);
        }
        for (const TileGroup& group : group_nodes(program_, traits)) {
            if (split_chains_)
                lower_split(group);
            else
                lower(group);
        }
        result_.lowered.name = program_.name();
        result_.lowered.tensors = buffers_.take();
        return std::move(result_);
    }

  private:
    const Node& node_at(std::int32_t index) const { return program_.nodes()[static_cast<std::size_t>(index)]; }
    const TensorType& type_of(ValueId id) const { return program_.value(id).type; }

    std::vector<TensorType> types_of(const std::vector<ValueId>& ids) const {
        std::vector<TensorType> types;
        types.reserve(ids.size());
        for (ValueId id : ids)
            types.push_back(type_of(id));
        return types;
    }
    OpCost cost_of(const Node& node) const {
        return node.op->cost(types_of(node.inputs), types_of(node.outputs), node.attributes);
    }

    void require_kernel(const Node& node) const {
        for (ValueId id : node.outputs) {
            const DType dtype = type_of(id).dtype;
            if (!has_kernel(kernels_, *node.op, is_floating(dtype) ? dtype : DType::kF32))
                throw Error(sqlstate::kFeatureNotSupported, "the CPU cannot run operation \"" +
                                                                std::string(node.op->name()) + "\" on type " +
                                                                std::string(name_of(dtype)));
        }
    }

    static MatmulProblem problem_of(const Node& node, const TensorType& a, const TensorType& y) {
        const bool transpose_a = node.attributes.flag("transpose_a");
        const bool transpose_b = node.attributes.flag("transpose_b");
        const std::int64_t groups = node.op->name() == kBatchedMatmul ? node.attributes.integer("groups") : 1;
        const std::int64_t inner = transpose_a ? a.shape[0] / groups : a.shape[1];
        return {y.shape[0] / groups, inner, y.shape[1], transpose_a, transpose_b, groups};
    }
    MatmulProblem problem_of(const Node& node) const {
        return problem_of(node, type_of(node.inputs[0]), type_of(node.outputs[0]));
    }

    // A product so wide that a tile of whole rows would take too long; it is cut in both dimensions instead.
    bool is_wide(const Node& node) const {
        constexpr double kRowsOfAProduct = 32;
        if (node.op->name() != kMatmul || fixed_row_tiles_) return false;
        const MatmulProblem problem = problem_of(node);
        const double flops_per_row = problem.flops() / static_cast<double>(std::max<std::int64_t>(problem.rows, 1));
        return kRowsOfAProduct * flops_per_row / kMatmulFlopsPerNanosecond > kLongestTile;
    }

    // A product over rows with so few columns that streaming the left operand as it lies is fastest.
    bool is_narrow(const Node& node) const {
        constexpr std::int64_t kMostColumns = 8;
        if (node.op->name() != kMatmul) return false;
        const MatmulProblem problem = problem_of(node);
        return problem.transpose_a && !problem.transpose_b && problem.columns <= kMostColumns;
    }

    // Computed by oneDNN rather than by a kernel of the table.
    bool is_product(const Node& node) const {
        return node.op->name() == kBatchedMatmul || (node.op->name() == kMatmul && !is_narrow(node));
    }

    // Of a row-wise node.
    double nanoseconds_per_row(const Node& node) const {
        const OpCost cost = cost_of(node);
        const auto rows = static_cast<double>(std::max<std::int64_t>(type_of(node.outputs[0]).shape.rows(), 1));
        if (node.op->name() == kMatmul) return cost.flops / kMatmulFlopsPerNanosecond / rows;
        if (node.op->name() == kModeProduct)
            return std::max(cost.flops / kModeProductFlopsPerNanosecond, cost.bytes / kBytesPerNanosecond) / rows;
        return cost.bytes / kBytesPerNanosecond / rows;
    }

    NodeTraits traits_of(const Node& node) const {
        NodeTraits traits;
        traits.row_wise =
            node.op->row_pattern(node.attributes) == RowPattern::kRowWise && node.aliases.empty() && !is_wide(node);
        if (traits.row_wise) traits.tile_share = nanoseconds_per_row(node) * kFewestRows / kLongestTile;
        if (!traits.row_wise && !is_product(node)) traits.exclusive = plan_of(node).phases.size() > 1;
        return traits;
    }

    KernelPlan plan_of(const Node& node) const {
        const std::vector<TensorType> inputs = types_of(node.inputs);
        const std::vector<TensorType> outputs = types_of(node.outputs);
        return (*kernels_.plan(is_narrow(node) ? kNarrowProduct : node.op->name()))({inputs, outputs, node.attributes});
    }

    // A product that sums over a bounded dimension reads its right operand up to the end of a block of terms: rows
    // beyond the extent must be zero there. All other reductions stop at the extent.
    void find_zero_tails(const Node& node) {
        if (node.op->name() != kMatmul || !node.attributes.flag("transpose_a") || is_narrow(node)) return;
        if (type_of(node.inputs[1]).shape.is_bounded())
            zero_tail_[static_cast<std::size_t>(program_.storage_of(node.inputs[1]).index)] = true;
    }

    std::int64_t rows_per_tile(const GroupPart& part) const {
        if (fixed_row_tiles_ && part.extent_slot != Shape::kStatic) return kInvariantRows;
        double nanoseconds = 0;
        std::int64_t widest = 0;  // elements of the largest right operand of a product
        bool small_blocks = false;
        for (std::int32_t index : part.nodes) {
            const Node& node = node_at(index);
            nanoseconds += nanoseconds_per_row(node);
            small_blocks = small_blocks || node.op->name() == kModeProduct;
            if (node.op->name() != kMatmul) continue;
            const MatmulProblem problem = problem_of(node);
            widest = std::max(widest, problem.inner * problem.columns);
        }
        // Products are efficient from 32 rows on, with large right operands (which oneDNN packs for each call) from 64.
        constexpr std::int64_t kLargeOperand = 128 * 1024;
        // Products along modes are made of small blocks, many in each row, whatever the tile.
        constexpr std::int64_t kFewestRowsOfBlocks = 4;
        const std::int64_t fewest = small_blocks && widest == 0 ? kFewestRowsOfBlocks : kFewestRows;
        std::int64_t rows = fewest;
        if (widest > 0) rows = widest >= kLargeOperand || part.rows >= 1024 ? 64 : 32;
        if (widest > 0 && part.rows >= 2048) rows = 128;
        while (rows < part.rows && nanoseconds * static_cast<double>(rows) < kShortestTile)
            rows *= 2;
        while (rows > (small_blocks ? 1 : kFewestRows) && nanoseconds * static_cast<double>(rows) > kLongestTile)
            rows /= 2;
        return std::clamp<std::int64_t>(rows, 1, std::max<std::int64_t>(part.rows, 1));
    }

    // An elementwise update, one op a slice.
    void lower_slices(std::int32_t index) {
        const Node& node = node_at(index);
        for (UpdateSlice& slice : slice_update(program_, node, buffers_, slice_bytes_)) {
            NodeUse use;
            use.attributes = node.attributes;
            use.inputs = std::move(slice.inputs);
            use.outputs = std::move(slice.outputs);
            add_slice_op(index, std::move(use));
        }
    }

    void add_slice_op(std::int32_t index, NodeUse use) {
        const Node& node = node_at(index);
        std::vector<TensorType> inputs;
        std::vector<TensorType> outputs;
        std::ranges::transform(use.inputs, std::back_inserter(inputs), &TensorUse::type);
        std::ranges::transform(use.outputs, std::back_inserter(outputs), &TensorUse::type);
        const KernelPlan plan = (*kernels_.plan(node.op->name()))({inputs, outputs, node.attributes});
        LoweredOp lowered;
        lowered.name = node_name(index);
        add_cost(node.op->cost(inputs, outputs, node.attributes), lowered);
        TileOp op;
        std::size_t shared_bytes = 0;
        const auto number = static_cast<std::int32_t>(result_.nodes.size());
        result_.nodes.push_back(std::move(use));
        op.nodes.push_back(number);
        add_phases(index, number, plan, op, shared_bytes);
        finish(std::move(op), shared_bytes, std::move(lowered));
    }

    // One op a part, and of a chain one op for each product with the row-wise nodes that follow it. The tiles are those
    // of the whole chain, so the bits are too.
    void lower_split(const TileGroup& group) {
        for (const GroupPart& part : group.parts) {
            if (uses_slices(node_at(part.nodes[0]), buffers_)) {
                lower_slices(part.nodes[0]);
                continue;
            }
            const std::int64_t rows = part.row_wise ? rows_per_tile(part) : 0;
            GroupPart piece = part;
            piece.nodes.clear();
            for (std::int32_t index : part.nodes) {
                if (is_product(node_at(index)) && !piece.nodes.empty()) {
                    lower({{piece}}, rows);
                    piece.nodes.clear();
                }
                piece.nodes.push_back(index);
            }
            lower({{piece}}, rows);
        }
    }

    // `rows_per_tile`: of row-wise parts; 0 lets each part choose.
    void lower(const TileGroup& group, std::int64_t rows_per_tile = 0) {
        TileOp op;
        std::size_t shared_bytes = 0;
        op.phases.emplace_back();
        for (const GroupPart& part : group.parts) {
            if (part.row_wise) {
                op.phases[0].sections.push_back(
                    row_section(part, rows_per_tile > 0 ? rows_per_tile : this->rows_per_tile(part), op));
            } else if (is_product(node_at(part.nodes[0]))) {
                op.phases[0].sections.push_back(product_section(part.nodes[0], op));
            } else {
                add_planned(part.nodes[0], op, shared_bytes);
            }
        }
        finish(std::move(op), shared_bytes, describe(group));
    }

    void finish(TileOp op, std::size_t shared_bytes, LoweredOp lowered) {
        std::ranges::for_each(op.phases, order_tiles);
        note_tensors(op, lowered);
        add_scratch(op, shared_bytes, lowered);
        result_.ops.push_back(std::move(op));
        result_.lowered.ops.push_back(std::move(lowered));
    }

    static void order_tiles(TilePhase& phase) {
        for (std::size_t i = 0; i < phase.sections.size(); ++i)
            for (std::int64_t tile = 0; tile < phase.sections[i].tiles; ++tile)
                phase.order.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(tile)});
        std::ranges::stable_sort(phase.order, {}, [&](const TilePhase::Tile& tile) {
            const auto tiles = static_cast<double>(phase.sections[static_cast<std::size_t>(tile.section)].tiles);
            return (tile.tile + 0.5) / tiles;
        });
    }

    // Registers a node; its results may take over the buffer of an input that the same part has produced.
    std::int32_t add_node(std::int32_t index, TileOp& op, const GroupPart* part, unsigned in_place_inputs) {
        const Node& node = node_at(index);
        NodeUse use;
        use.attributes = node.attributes;
        constexpr std::size_t kMaskBits = std::numeric_limits<unsigned>::digits;
        for (std::size_t i = 0; part != nullptr && i < std::min(node.inputs.size(), kMaskBits); ++i) {
            const std::int32_t producer = program_.value(node.inputs[i]).producer;
            if ((in_place_inputs >> i & 1U) != 0 && std::ranges::find(part->nodes, producer) != part->nodes.end() &&
                buffers_.reuse(node.outputs[0], node.inputs[i], index))
                break;
        }
        for (ValueId id : node.inputs)
            use.inputs.push_back({buffers_.tensor_of(id), type_of(id)});
        for (ValueId id : node.outputs)
            use.outputs.push_back({buffers_.tensor_of(id), type_of(id)});
        const auto number = static_cast<std::int32_t>(result_.nodes.size());
        result_.nodes.push_back(std::move(use));
        op.nodes.push_back(number);
        return number;
    }

    std::int32_t add_matmul(const MatmulProblem& problem, const MatmulBlocks& blocks, TileOp& op) {
        return add_product(std::make_unique<const MatmulKernel>(onednn_, problem, blocks), op);
    }

    std::int32_t add_convolution(const Node& node, TileOp& op) {
        const std::vector<TensorType> inputs = types_of(node.inputs);
        const std::vector<TensorType> outputs = types_of(node.outputs);
        return add_product(make_convolution_kernel(onednn_, node.op->name(), {inputs, outputs, node.attributes}), op);
    }

    std::int32_t add_product(std::unique_ptr<const ProductKernel> kernel, TileOp& op) {
        result_.products.push_back(std::move(kernel));
        op.participant_bytes = std::max(op.participant_bytes, result_.products.back()->scratch_bytes());
        return static_cast<std::int32_t>(result_.products.size() - 1);
    }

    TileSection row_section(const GroupPart& part, std::int64_t rows_per_tile, TileOp& op) {
        TileSection section;
        section.items_per_tile = rows_per_tile;
        section.tiles = divide_up(part.rows, section.items_per_tile);
        section.row_wise = true;
        section.extent_slot = part.extent_slot;
        const bool whole_tiles = fixed_row_tiles_ && part.extent_slot != Shape::kStatic;
        section.items = whole_tiles ? section.tiles * section.items_per_tile : part.rows;
        for (std::int32_t index : part.nodes) {
            const Node& node = node_at(index);
            const RowKernel* kernel = kernels_.rows(node.op->name());
            TileStep step;
            step.node = add_node(index, op, &part, kernel == nullptr ? 0 : kernel->in_place_inputs);
            if (kernel != nullptr) {
                step.function = kernel->function;
            } else {
                MatmulProblem problem = problem_of(node);
                problem.rows = section.items;
                step.product = add_matmul(problem, row_tile_blocks(problem, section.items_per_tile), op);
            }
            section.steps.push_back(step);
            const NodeUse& use = result_.nodes[static_cast<std::size_t>(step.node)];
            if (whole_tiles) pad_rows(node, use, section.items);
            for (std::size_t i = 0; i < node.outputs.size(); ++i)
                if (zero_tail_[static_cast<std::size_t>(program_.storage_of(node.outputs[i]).index)])
                    section.zero_tails.push_back({use.outputs[i].tensor, row_bytes(use.outputs[i].type)});
        }
        return section;
    }

    static std::int64_t row_bytes(const TensorType& type) {
        return type.shape.row_width() * static_cast<std::int64_t>(size_of(type.dtype));
    }

    // Makes room for whole tiles in everything that is read or written row by row.
    void pad_rows(const Node& node, const NodeUse& use, std::int64_t rows) {
        const auto pad = [&](const TensorUse& tensor) {
            buffers_.grow(tensor.tensor, static_cast<std::uint64_t>(rows * row_bytes(tensor.type)));
        };
        for (std::size_t i = 0; i < use.inputs.size(); ++i)
            if (node.op->reads_by_row(static_cast<int>(i), node.attributes)) pad(use.inputs[i]);
        std::ranges::for_each(use.outputs, pad);
    }

    TileSection product_section(std::int32_t index, TileOp& op) {
        const MatmulProblem problem = problem_of(node_at(index));
        TileStep step;
        step.node = add_node(index, op, nullptr, 0);
        const MatmulBlocks blocks = output_blocks(problem);
        step.product = add_matmul(problem, blocks, op);
        TileSection section;
        section.items = result_.products[static_cast<std::size_t>(step.product)]->tiles();
        section.items_per_tile = blocks_at_a_time(problem, blocks);
        section.tiles = divide_up(section.items, section.items_per_tile);
        section.steps.push_back(step);
        return section;
    }

    void add_planned(std::int32_t index, TileOp& op, std::size_t& shared_bytes) {
        const KernelPlan plan = plan_of(node_at(index));
        add_phases(index, add_node(index, op, nullptr, 0), plan, op, shared_bytes);
    }

    void add_phases(std::int32_t index, std::int32_t number, const KernelPlan& plan, TileOp& op,
                    std::size_t& shared_bytes) {
        NodeUse& use = result_.nodes[static_cast<std::size_t>(number)];
        use.has_scratch = plan.scratch_bytes > 0;
        use.scratch_offset = shared_bytes;
        shared_bytes += align(plan.scratch_bytes);
        for (std::size_t i = 0; i < plan.phases.size(); ++i) {
            const KernelPhase& phase = plan.phases[i];
            TileSection section;
            section.items = phase.items;
            section.items_per_tile = std::max<std::int64_t>(phase.items_per_tile, 1);
            section.tiles = divide_up(section.items, section.items_per_tile);
            const bool is_product = phase.function == nullptr;
            section.steps.push_back({number, phase.function, is_product ? add_convolution(node_at(index), op) : -1});
            if (op.phases.size() <= i) op.phases.emplace_back();
            op.phases[i].sections.push_back(std::move(section));
        }
    }

    void add_scratch(TileOp& op, std::size_t shared_bytes, LoweredOp& lowered) {
        std::int64_t most_tiles = 0;
        for (const TilePhase& phase : op.phases)
            most_tiles = std::max(most_tiles, phase.tiles());
        op.participant_bytes = align(op.participant_bytes);
        op.participant_offset = shared_bytes;
        const bool has_product = std::ranges::any_of(op.phases[0].sections, [](const TileSection& section) {
            return std::ranges::any_of(section.steps, [](const TileStep& step) { return step.product >= 0; });
        });
        // A product also needs an object of oneDNN's for each participant, so these are limited even without scratch.
        if (has_product) op.participants = static_cast<int>(std::clamp<std::int64_t>(most_tiles, 1, kMostParticipants));
        const std::size_t bytes = shared_bytes + static_cast<std::size_t>(op.participants) * op.participant_bytes;
        if (bytes == 0) return;
        op.scratch_tensor = buffers_.add_scratch(lowered.name + ".scratch", bytes);
        lowered.writes.push_back(op.scratch_tensor);
    }

    std::string node_name(std::int32_t index) const {
        return std::string(node_at(index).op->name()) + "_" + std::to_string(index);
    }

    static void add_cost(const OpCost& cost, LoweredOp& lowered) {
        lowered.flops += cost.flops;
        lowered.bytes += cost.bytes;
    }

    LoweredOp describe(const TileGroup& group) const {
        LoweredOp lowered;
        constexpr std::size_t kNamedParts = 3;
        std::size_t number = 0;
        for (const GroupPart& part : group.parts) {
            if (number++ < kNamedParts) {
                if (!lowered.name.empty()) lowered.name += " | ";
                lowered.name += node_name(part.nodes.front());
                if (part.nodes.size() > 1) lowered.name += ".." + node_name(part.nodes.back());
            }
            for (std::int32_t index : part.nodes)
                add_cost(cost_of(node_at(index)), lowered);
        }
        if (number > kNamedParts) lowered.name += " | ...";
        return lowered;
    }

    void note_tensors(const TileOp& op, LoweredOp& lowered) const {
        // A tensor that the op itself has written before it reads it is not read from outside.
        for (std::int32_t node : op.nodes) {
            const NodeUse& use = result_.nodes[static_cast<std::size_t>(node)];
            for (const TensorUse& input : use.inputs)
                if (std::ranges::find(lowered.writes, input.tensor) == lowered.writes.end())
                    add_once(lowered.reads, input.tensor);
            for (const TensorUse& output : use.outputs)
                add_once(lowered.writes, output.tensor);
        }
    }

    const Program& program_;
    const KernelTable& kernels_;
    const OnednnLibrary& onednn_;
    const bool fixed_row_tiles_;
    const bool split_chains_;
    const std::uint64_t slice_bytes_;
    BufferAssignment buffers_;
    std::vector<bool> zero_tail_;  // by value index, at the start of alias chains
    TileProgram result_;
};

}  // namespace

bool has_kernel(const KernelTable& kernels, const Op& op, DType dtype) {
    const std::string_view name = op.name();
    if (name == "cast" || name == "stop_gradient" || name == "concat_rows" || name == "copy") return true;
    return dtype == DType::kF32 && (name == kMatmul || name == kBatchedMatmul || kernels.rows(name) != nullptr ||
                                    kernels.plan(name) != nullptr);
}

TileProgram lower_program(const Program& program, const LoweringOptions& options, const KernelTable& kernels,
                          const OnednnLibrary& onednn) {
    return Lowering(program, options, kernels, onednn).run();
}

}  // namespace tensile
