// A tensor as the products along one of its axes see it: the row of a matrix is read as [repeats, groups, outer, size,
// inner], row-major, whatever modes lie before the axis (outer) and behind it (inner). Shared by the ops on modes.
#pragma once

#include <cstdint>

#include "graph/attributes.h"

namespace tensile::ops {

// Where an axis lies in a row.
struct ModeAxis {
    std::int64_t groups = 1;  // blocks that follow one another, each with a matrix (or bias) of its own
    std::int64_t outer = 1;   // elements of the modes before the axis, within a group
    std::int64_t inner = 1;   // elements of the modes behind it

    static ModeAxis of(const Attributes& attributes) {
        return {attributes.integer("groups"), attributes.integer("outer"), attributes.integer("inner")};
    }
    Attributes attributes() const { return {{"groups", groups}, {"outer", outer}, {"inner", inner}}; }
    bool valid() const { return groups >= 1 && outer >= 1 && inner >= 1; }
    // Of one repeat, for an axis of `size` elements.
    std::int64_t width(std::int64_t size) const { return groups * outer * size * inner; }
};

}  // namespace tensile::ops
