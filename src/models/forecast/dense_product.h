// The one inner loop of the closed forms: a matrix product on the host in double precision. Knows no model.
#pragma once

#include <cstddef>

namespace tensile {

// A row-major block of a larger matrix: rows lie `stride` doubles apart.
struct ConstBlock {
    const double* data;
    std::size_t stride;
};
struct Block {
    double* data;
    std::size_t stride;
};

// target [rows, columns] += left [rows, depth] · right [depth, columns]. Every element's sum is formed in the order of
// the depth, whatever the instruction set, so results are the same bits everywhere. `target` overlaps neither factor.
void add_product(Block target, ConstBlock left, ConstBlock right, std::size_t rows, std::size_t columns,
                 std::size_t depth);

// target += factor · source, both [count].
void add_multiple(double* target, const double* source, double factor, std::size_t count);

}  // namespace tensile
