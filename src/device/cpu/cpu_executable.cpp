#include "device/cpu/cpu_executable.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "tensor/error.h"

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

bool stop_requested(const LaunchContext& context) {
    return context.stop != nullptr && context.stop->load(std::memory_order_relaxed);
}

std::vector<std::vector<TensorPosition>> positions_by_tensor(const TileProgram& program) {
    std::vector<std::vector<TensorPosition>> positions(program.lowered.tensors.size());
    const auto add = [&](const TensorUse& use, std::size_t node, TensorPosition::Role role, std::size_t index) {
        positions[at(use.tensor)].push_back({static_cast<std::int32_t>(node), role, static_cast<std::int32_t>(index)});
    };
    for (std::size_t node = 0; node < program.nodes.size(); ++node) {
        const NodeUse& uses = program.nodes[node];
        for (std::size_t i = 0; i < uses.inputs.size(); ++i)
            add(uses.inputs[i], node, TensorPosition::Role::kInput, i);
        for (std::size_t i = 0; i < uses.outputs.size(); ++i)
            add(uses.outputs[i], node, TensorPosition::Role::kOutput, i);
    }
    for (const TileOp& op : program.ops)
        for (const std::int32_t node : op.nodes)
            if (program.nodes[at(node)].has_scratch)
                positions[at(op.scratch_tensor)].push_back({node, TensorPosition::Role::kScratch, 0});
    return positions;
}

}  // namespace

CpuExecutable::CpuExecutable(TileProgram program) {
    program.positions = positions_by_tensor(program);
    program_ = std::make_shared<const TileProgram>(std::move(program));
}

std::unique_ptr<Binding> CpuExecutable::bind(std::span<std::byte* const> addresses) const {
    return std::make_unique<CpuBinding>(program_, addresses);
}

CpuBinding::CpuBinding(std::shared_ptr<const TileProgram> program, std::span<std::byte* const> addresses)
    : program_(std::move(program)), addresses_(addresses.begin(), addresses.end()) {
    if (addresses_.size() != program_->lowered.tensors.size())
        throw InternalError("a binding of program \"" + program_->lowered.name +
                            "\" needs one address for each tensor");
    const auto view = [&](const TensorUse& use) {
        return TensorView{addresses_[at(use.tensor)] + use.offset, use.type, use.type.shape.rows()};
    };
    for (const NodeUse& node : program_->nodes) {
        NodeViews views;
        for (const TensorUse& use : node.inputs)
            views.inputs.push_back(view(use));
        for (const TensorUse& use : node.outputs)
            views.outputs.push_back(view(use));
        nodes_.push_back(std::move(views));
    }
    workspaces_.resize(program_->products.size());
    for (const TileOp& op : program_->ops) {
        for (std::int32_t node : op.nodes)
            if (program_->nodes[at(node)].has_scratch)
                nodes_[at(node)].scratch = addresses_[at(op.scratch_tensor)] + program_->nodes[at(node)].scratch_offset;
        for (const TileSection& section : op.phases[0].sections)
            for (const TileStep& step : section.steps)
                for (int slot = 0; step.product >= 0 && slot < op.participants; ++slot)
                    workspaces_[at(step.product)].push_back(program_->products[at(step.product)]->make_workspace());
    }
}

void CpuBinding::set_address(std::int32_t tensor, std::byte* address) {
    addresses_[at(tensor)] = address;
    for (const TensorPosition& position : program_->positions[at(tensor)]) {
        NodeViews& views = nodes_[at(position.node)];
        const NodeUse& uses = program_->nodes[at(position.node)];
        switch (position.role) {
        case TensorPosition::Role::kInput:
            views.inputs[at(position.index)].data = address + uses.inputs[at(position.index)].offset;
            break;
        case TensorPosition::Role::kOutput:
            views.outputs[at(position.index)].data = address + uses.outputs[at(position.index)].offset;
            break;
        case TensorPosition::Role::kScratch:
            views.scratch = address + uses.scratch_offset;
            break;
        }
    }
}

void CpuBinding::set_extents(const TileOp& op, std::span<const std::int64_t> extents) {
    const auto set = [&](TensorView& view) {
        const Shape& shape = view.type.shape;
        if (!shape.is_bounded()) return;
        const std::int64_t present = extents[static_cast<std::size_t>(shape.extent_slot())];
        view.extent = std::clamp<std::int64_t>(present, 0, shape.rows());
    };
    for (std::int32_t node : op.nodes) {
        std::ranges::for_each(nodes_[at(node)].inputs, set);
        std::ranges::for_each(nodes_[at(node)].outputs, set);
    }
}

bool CpuBinding::run_tile(const TileOp& op, const TilePhase& phase, std::int64_t position, int slot,
                          const LaunchContext& context) noexcept {
    const TilePhase::Tile claimed = phase.order[static_cast<std::size_t>(position)];
    const TileSection& section = phase.sections[at(claimed.section)];
    const std::int64_t tile = claimed.tile;
    const std::int64_t begin = tile * section.items_per_tile;
    const std::int64_t end = std::min(begin + section.items_per_tile, section.items);
    const bool bounded = section.extent_slot != Shape::kStatic;
    const std::int64_t present = bounded ? context.extents[static_cast<std::size_t>(section.extent_slot)] : end;
    if (begin < present) {
        for (const TileStep& step : section.steps) {
            if (&step != section.steps.data() && stop_requested(context)) return false;
            run_step(step, op, begin, end, tile, section.row_wise, slot);
        }
    }
    if (end > present) zero_rows(section, std::max(begin, present), end);
    return true;
}

void CpuBinding::run_step(const TileStep& step, const TileOp& op, std::int64_t begin, std::int64_t end,
                          std::int64_t tile, bool row_wise, int slot) noexcept {
    const NodeViews& views = nodes_[at(step.node)];
    if (step.function != nullptr) {
        step.function(
            {views.inputs, views.outputs, program_->nodes[at(step.node)].attributes, begin, end, views.scratch});
        return;
    }
    const ProductKernel& product = *program_->products[at(step.product)];
    std::byte* scratch = op.scratch_tensor < 0 ? nullptr
                                               : addresses_[at(op.scratch_tensor)] + op.participant_offset +
                                                     static_cast<std::size_t>(slot) * op.participant_bytes;
    const bool reduces_rows = product.sums_over_rows();
    // A row section looks after the rows beyond the extent itself.
    const std::int64_t present_rows =
        row_wise || reduces_rows ? std::numeric_limits<std::int64_t>::max() : views.outputs[0].extent;
    const std::int64_t present_inner = reduces_rows ? views.inputs[0].extent : std::numeric_limits<std::int64_t>::max();
    const ProductKernel::Operands operands{static_cast<const float*>(views.inputs[0].data),
                                           static_cast<const float*>(views.inputs[1].data),
                                           static_cast<float*>(views.outputs[0].data),
                                           present_inner,
                                           present_rows,
                                           views.scratch};
    ProductKernel::Workspace& workspace = workspaces_[at(step.product)][static_cast<std::size_t>(slot)];
    // Items of a row section are rows, of a product by itself blocks of the result.
    const std::int64_t first = row_wise ? tile : begin;
    const std::int64_t last = row_wise ? tile + 1 : end;
    for (std::int64_t block = first; block < last; ++block)
        product.run(block, operands, workspace, scratch);
}

void CpuBinding::zero_rows(const TileSection& section, std::int64_t begin, std::int64_t end) noexcept {
    for (const ZeroTail& tail : section.zero_tails)
        std::memset(addresses_[at(tail.tensor)] + begin * tail.row_bytes, 0,
                    static_cast<std::size_t>((end - begin) * tail.row_bytes));
}

}  // namespace tensile
