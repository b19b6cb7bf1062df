// The static type of a value, and the untyped view of its buffer that kernels receive.
//
// Every value of a program is dense. A row-sparse gradient (of an embedding table, say) is a pair of dense values:
// `rows` [capacity, width] and `indices` i32 [capacity], the table row each belongs to, -1 for an unused slot. The pair
// is named by graph/program.h (SparseRows); duplicates are merged by an op, never by a convention.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace tensile {

struct TensorType {
    DType dtype = DType::kF32;
    Shape shape;

    std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
    bool operator==(const TensorType&) const = default;
};

// Untyped, non-owning view of a tensor's buffer during execution. `extent` is the number of leading rows present: equal
// to the capacity for a static shape. Kernels may read and write rows up to the capacity (see tensor/shape.h).
struct TensorView {
    void* data = nullptr;
    TensorType type;
    std::int64_t extent = 0;

    template <typename T>
    T* as() const {
        return static_cast<T*>(data);
    }
};

}  // namespace tensile
