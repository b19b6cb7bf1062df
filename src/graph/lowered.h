// A lowered program as the planner sees it: tensors with exact sizes and ops with exact scratch, in execution order.
//
// A device makes it from a Program (layouts, reorders, scratch and tile groups become explicit) and keeps its own
// kernels in a list parallel to `ops`. This file is pure description: the planner includes it and knows no device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/program.h"

namespace tensile {

enum class LoweredKind : std::uint8_t {
    kInput,     // written by the feeder before the first op
    kVariable,  // lives outside the plan's transient region, for as long as the job
    kConstant,  // written once when the program is loaded; lives as long as the program
    kResult,    // written by an op
    kScratch,   // content has no meaning outside one op
};

// Of the tensor that stores a value.
constexpr LoweredKind lowered_kind(ValueKind kind) {
    switch (kind) {
    case ValueKind::kInput:
        return LoweredKind::kInput;
    case ValueKind::kVariable:
        return LoweredKind::kVariable;
    case ValueKind::kConstant:
        return LoweredKind::kConstant;
    case ValueKind::kResult:
        break;
    }
    return LoweredKind::kResult;
}

struct LoweredTensor {
    std::string name;  // for people: "layer_0/weight", "matmul_3", "matmul_3.scratch"
    LoweredKind kind = LoweredKind::kResult;
    std::uint64_t bytes = 0;
    ValueId value;           // the program value that it stores (start of the alias chain), if any
    bool is_output = false;  // read after the last op
    // Of a variable that is stored in slices: the bytes of the value that lie before this one.
    std::uint64_t value_offset = 0;
};

// One unit of execution: a node, several row-wise nodes fused into one tile group, or a reorder.
struct LoweredOp {
    std::string name;
    std::vector<std::int32_t> reads;   // tensor indices
    std::vector<std::int32_t> writes;  // includes scratch; an in-place tensor is in both lists
    double flops = 0;
    double bytes = 0;  // of memory traffic
};

struct LoweredProgram {
    std::string name;
    std::vector<LoweredTensor> tensors;
    std::vector<LoweredOp> ops;
};

}  // namespace tensile
