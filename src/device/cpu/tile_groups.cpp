#include "device/cpu/tile_groups.h"

#include <algorithm>
#include <set>

namespace tensile {

namespace {

// Independent parts are put side by side only while their memory traffic is small. Joins cost about a microsecond,
// which matters for small ops alone, and a planner wants to release the tensors of large ones early.
constexpr double kMostBytesSideBySide = 8.0 * 1024 * 1024;

class Grouping {
  public:
    Grouping(const Program& program, const std::vector<NodeTraits>& traits, double most_chain_bytes)
        : program_(program), traits_(traits), most_chain_bytes_(most_chain_bytes) {}

    std::vector<TileGroup> run() {
        for (std::size_t node = 0; node < program_.nodes().size(); ++node)
            place(static_cast<std::int32_t>(node));
        close();
        return std::move(groups_);
    }

  private:
    // A part with the buffers that it reads and writes.
    struct Draft {
        GroupPart part;
        std::set<std::int32_t> reads;
        std::set<std::int32_t> writes;
        double bytes = 0;
        bool exclusive = false;
    };

    const Node& node_at(std::int32_t node) const { return program_.nodes()[static_cast<std::size_t>(node)]; }
    const NodeTraits& traits_of(std::int32_t node) const { return traits_[static_cast<std::size_t>(node)]; }
    std::int32_t buffer(ValueId id) const { return program_.storage_of(id).index; }

    double traffic(const Node& node) const {
        std::vector<TensorType> inputs;
        std::vector<TensorType> outputs;
        for (ValueId id : node.inputs)
            inputs.push_back(program_.value(id).type);
        for (ValueId id : node.outputs)
            outputs.push_back(program_.value(id).type);
        return node.op->cost(inputs, outputs, node.attributes).bytes;
    }

    bool independent(const Node& node, const Draft& draft) const {
        for (ValueId id : node.inputs)
            if (draft.writes.contains(buffer(id))) return false;
        for (ValueId id : node.outputs)
            if (draft.writes.contains(buffer(id)) || draft.reads.contains(buffer(id))) return false;
        return true;
    }

    // Whether a row-wise node may go on in `draft`: what it reads of the draft's results, it reads row by row.
    bool continues(const Node& node, const Draft& draft) const {
        const Shape& shape = program_.value(node.outputs[0]).type.shape;
        if (!draft.part.row_wise || draft.part.rows != shape.rows() || draft.part.extent_slot != shape.extent_slot())
            return false;
        if (draft.bytes + traffic(node) > most_chain_bytes_) return false;
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            if (draft.writes.contains(buffer(node.inputs[i])) &&
                !node.op->reads_by_row(static_cast<int>(i), node.attributes))
                return false;
        return true;
    }

    void append(std::int32_t index, Draft& draft) {
        const Node& node = node_at(index);
        draft.part.nodes.push_back(index);
        for (ValueId id : node.inputs)
            draft.reads.insert(buffer(id));
        for (ValueId id : node.outputs)
            draft.writes.insert(buffer(id));
        draft.bytes += traffic(node);
    }

    void place(std::int32_t index) {
        const Node& node = node_at(index);
        const NodeTraits& traits = traits_of(index);
        if (traits.row_wise) {
            const auto home = std::ranges::find_if(drafts_, [&](const Draft& draft) { return continues(node, draft); });
            const auto allows = [&](const Draft& draft) { return &draft == &*home || independent(node, draft); };
            if (home != drafts_.end() && std::ranges::all_of(drafts_, allows)) return append(index, *home);
        }
        if (!std::ranges::all_of(drafts_, [&](const Draft& draft) { return independent(node, draft); })) close();
        Draft draft;
        draft.part.row_wise = traits.row_wise;
        if (traits.row_wise) {
            const Shape& shape = program_.value(node.outputs[0]).type.shape;
            draft.part.rows = shape.rows();
            draft.part.extent_slot = shape.extent_slot();
        }
        draft.exclusive = traits.exclusive;
        append(index, draft);
        drafts_.push_back(std::move(draft));
    }

    // Ends what may run at the same time. Drafts are independent, so cutting them into groups is a matter of size.
    void close() {
        double bytes = 0;
        bool alone = true;
        for (Draft& draft : drafts_) {
            if (alone || draft.exclusive || bytes + draft.bytes > kMostBytesSideBySide) {
                groups_.emplace_back();
                bytes = 0;
            }
            bytes += draft.bytes;
            alone = draft.exclusive;
            groups_.back().parts.push_back(std::move(draft.part));
        }
        drafts_.clear();
    }

    const Program& program_;
    const std::vector<NodeTraits>& traits_;
    const double most_chain_bytes_;
    std::vector<TileGroup> groups_;
    std::vector<Draft> drafts_;  // independent of each other
};

}  // namespace

std::vector<TileGroup> group_nodes(const Program& program, const std::vector<NodeTraits>& traits,
                                   double most_chain_bytes) {
    return Grouping(program, traits, most_chain_bytes).run();
}

}  // namespace tensile
