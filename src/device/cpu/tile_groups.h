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
    // Of a row-wise node: the share of the time that a tile may take which it needs for the fewest rows of a tile. A
    // chain ends where the shares would exceed 1.
    double tile_share = 0;
};

// Groups in execution order; every node is in exactly one.
std::vector<TileGroup> group_nodes(const Program& program, const std::vector<NodeTraits>& traits);

}  // namespace tensile
