// Shapes: a small fixed-capacity list of dimensions, each static or bounded.
//
// A bounded dimension has its capacity fixed when the program is compiled and its extent (the number of rows really
// present) given at run time through an extent slot of the program. Only the leading dimension of a tensor may be
// bounded. Buffers always have room for the capacity; rows beyond the extent are *neutral*: the runtime zero-fills
// them in inputs, losses give them zero gradient, and reductions over a bounded dimension skip them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "tensor/error.h"

namespace tensile {

inline constexpr int kMaxRank = 6;

class Shape {
  public:
    static constexpr std::int16_t kStatic = -1;

    constexpr Shape() = default;
    Shape(std::initializer_list<std::int64_t> dims) {
        if (dims.size() > kMaxRank) throw InternalError("shape has too many dimensions");
        for (std::int64_t dim : dims)
            append(dim);
    }

    // A shape whose leading dimension is bounded: `capacity` rows at most, extent slot `slot` of the program.
    static Shape bounded(std::int64_t capacity, std::int16_t slot, std::initializer_list<std::int64_t> rest = {}) {
        Shape shape;
        shape.append(capacity);
        for (std::int64_t dim : rest)
            shape.append(dim);
        shape.extent_slot_ = slot;
        return shape;
    }

    int rank() const { return rank_; }
    std::int64_t operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
    std::int64_t back() const { return dims_[static_cast<std::size_t>(rank_ - 1)]; }
    bool is_bounded() const { return extent_slot_ != kStatic; }
    std::int16_t extent_slot() const { return extent_slot_; }
    void set_extent_slot(std::int16_t slot) { extent_slot_ = slot; }

    void append(std::int64_t dim) {
        if (rank_ == kMaxRank) throw InternalError("shape has too many dimensions");
        if (dim < 0) throw InternalError("negative dimension");
        dims_[static_cast<std::size_t>(rank_++)] = dim;
    }
    void set(int axis, std::int64_t dim) { dims_[static_cast<std::size_t>(axis)] = dim; }

    // Elements at capacity. A shape of rank 0 is a scalar and has one element.
    std::int64_t elements() const {
        std::int64_t count = 1;
        for (int axis = 0; axis < rank_; ++axis)
            count *= dims_[static_cast<std::size_t>(axis)];
        return count;
    }
    // The tensor seen as a matrix: rows = leading dimension (1 for a scalar), row_width = elements of one row.
    std::int64_t rows() const { return rank_ == 0 ? 1 : dims_[0]; }
    std::int64_t row_width() const {
        std::int64_t count = 1;
        for (int axis = 1; axis < rank_; ++axis)
            count *= dims_[static_cast<std::size_t>(axis)];
        return count;
    }

    bool operator==(const Shape& other) const {
        if (rank_ != other.rank_ || extent_slot_ != other.extent_slot_) return false;
        for (int axis = 0; axis < rank_; ++axis)
            if ((*this)[axis] != other[axis]) return false;
        return true;
    }
    // Equal dimensions, whatever is bounded.
    bool same_dims(const Shape& other) const {
        Shape left = *this;
        Shape right = other;
        left.extent_slot_ = right.extent_slot_ = kStatic;
        return left == right;
    }

    // "[256?, 32]": a question mark follows a bounded dimension.
    std::string to_string() const {
        std::string text = "[";
        for (int axis = 0; axis < rank_; ++axis) {
            if (axis > 0) text += ", ";
            text += std::to_string((*this)[axis]);
            if (axis == 0 && is_bounded()) text += "?";
        }
        return text + "]";
    }

  private:
    std::array<std::int64_t, kMaxRank> dims_{};
    std::uint8_t rank_ = 0;
    std::int16_t extent_slot_ = kStatic;
};

}  // namespace tensile
