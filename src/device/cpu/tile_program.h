// A lowered program as the CPU runs it: for each lowered op the phases, sections and steps that its tiles execute.
// Built by the lowering, immutable afterwards, shared by all bindings. Pure description: no addresses, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "device/cpu/product_kernel.h"
#include "device/cpu/tile_kernel.h"
#include "device/tensor_use.h"
#include "graph/lowered.h"

namespace tensile {

// What all tiles of one node share.
struct NodeUse {
    std::vector<TensorUse> inputs;
    std::vector<TensorUse> outputs;
    Attributes attributes;
    std::size_t scratch_offset = 0;  // in the op's scratch tensor
    bool has_scratch = false;
};

// One node's part in a tile: a kernel function or a kernel made of matrix products.
struct TileStep {
    std::int32_t node = -1;  // index into TileProgram::nodes
    TileFunction function = nullptr;
    std::int32_t product = -1;  // index into TileProgram::products
};

// A buffer whose rows beyond the extent must be zero because a later reduction reads them.
struct ZeroTail {
    std::int32_t tensor = -1;
    std::int64_t row_bytes = 0;
};

// Tiles that do the same: ranges of `items`, each run through all steps. Items are rows (row_wise), blocks of a
// product, or what the phase of a kernel says.
struct TileSection {
    std::vector<TileStep> steps;
    std::int64_t items = 1;
    std::int64_t items_per_tile = 1;
    std::int64_t tiles = 1;
    bool row_wise = false;  // items are rows of all that the steps write
    // Where items are rows of a bounded dimension: the slot of its extent. Tiles beyond the extent compute nothing.
    std::int16_t extent_slot = Shape::kStatic;
    std::vector<ZeroTail> zero_tails;
};

// Sections that may run at the same time; the threads join behind a phase.
struct TilePhase {
    std::vector<TileSection> sections;
    // Tiles of all sections in the order in which they are claimed: each section's tiles are spread evenly, so that a
    // thread that works from one end gets the same part of every section, and of every op of a step.
    struct Tile {
        std::int32_t section;
        std::int32_t tile;
    };
    std::vector<Tile> order;
    std::int64_t tiles() const { return static_cast<std::int64_t>(order.size()); }
};

struct TileOp {
    std::vector<TilePhase> phases;
    std::vector<std::int32_t> nodes;  // indices into TileProgram::nodes
    std::int32_t scratch_tensor = -1;
    // Scratch of each thread that takes part (oneDNN's and packed operands), behind what the nodes share. The number of
    // threads in an op that needs some is limited by shapes, never by how many there are.
    std::size_t participant_offset = 0;
    std::size_t participant_bytes = 0;
    int participants = 0;  // 0: no limit
};

// Where the address of a tensor is held in a binding: as an input, an output or the scratch of a node.
struct TensorPosition {
    enum class Role : std::uint8_t { kInput, kOutput, kScratch };
    std::int32_t node = 0;
    Role role = Role::kInput;
    std::int32_t index = 0;  // among the inputs or outputs
};

struct TileProgram {
    LoweredProgram lowered;
    std::vector<NodeUse> nodes;
    std::vector<std::unique_ptr<const ProductKernel>> products;
    std::vector<TileOp> ops;
    std::vector<std::vector<TensorPosition>> positions;  // by tensor
};

}  // namespace tensile
