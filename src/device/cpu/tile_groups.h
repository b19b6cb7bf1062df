// The first half of the lowering: which nodes form one lowered op. A group is a list of parts that do not depend on
// each other and may run at the same time; a part is one node, or a chain of row-wise nodes over the same rows. Decided
// from the program alone. Knows no kernels and no tile sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/program.h"

namespace tensile {

struct GroupPart {
    std::vector<std::int32_t> nodes;
    bool row_wise = false;
    std::int64_t rows = 0;                      // of row-wise parts
    std::int16_t extent_slot = Shape::kStatic;  // of row-wise parts
};

struct TileGroup {
    std::vector<GroupPart> parts;
};

// What the grouping must be told of a node that it cannot see in the program.
struct NodeTraits {
    bool row_wise = false;   // its tiles are row ranges and it updates nothing in place
    bool exclusive = false;  // it needs several phases, so it shares an op with no other
};

// Of a training program: most memory traffic of a chain of several nodes, in bytes. All tensors that an op touches are
// in memory at once, so an op that were the whole forward pass could not be planned within less than all activations.
// A further op costs a join and reads one activation again: nothing beside that much traffic.
inline constexpr double kMostBytesInChain = 16.0 * 1024 * 1024;

// Groups in execution order; every node is in exactly one. `most_chain_bytes`: kMostBytesInChain, or infinity.
std::vector<TileGroup> group_nodes(const Program& program, const std::vector<NodeTraits>& traits,
                                   double most_chain_bytes);

}  // namespace tensile
