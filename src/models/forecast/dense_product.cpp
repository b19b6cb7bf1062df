// See dense_product.h. Tiles of 4 rows by 8 columns are held in registers while the depth is run through.
#include "models/forecast/dense_product.h"

#include <cstring>

#include "models/forecast/vector_clones.h"

namespace tensile {

namespace {

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileColumns = 8;

// GCC's portable vectors: one register or several, as the instruction set has it.
typedef double Lanes __attribute__((vector_size(kTileColumns * sizeof(double))));

}  // namespace

TENSILE_VECTOR_CLONES
void add_product(Block target, ConstBlock left, ConstBlock right, std::size_t rows, std::size_t columns,
                 std::size_t depth) {
    const std::size_t whole_columns = columns - columns % kTileColumns;
    const std::size_t whole_rows = rows - rows % kTileRows;
    for (std::size_t j = 0; j < whole_columns; j += kTileColumns) {
        for (std::size_t i = 0; i < whole_rows; i += kTileRows) {
            Lanes sums[kTileRows] = {};
            for (std::size_t k = 0; k < depth; ++k) {
                Lanes lanes;
                std::memcpy(&lanes, right.data + k * right.stride + j, sizeof lanes);
                for (std::size_t r = 0; r < kTileRows; ++r)
                    sums[r] += left.data[(i + r) * left.stride + k] * lanes;
            }
            for (std::size_t r = 0; r < kTileRows; ++r) {
                double* to = target.data + (i + r) * target.stride + j;
                Lanes held;
                std::memcpy(&held, to, sizeof held);
                held += sums[r];
                std::memcpy(to, &held, sizeof held);
            }
        }
        for (std::size_t i = whole_rows; i < rows; ++i) {
            Lanes sum = {};
            for (std::size_t k = 0; k < depth; ++k) {
                Lanes lanes;
                std::memcpy(&lanes, right.data + k * right.stride + j, sizeof lanes);
                sum += left.data[i * left.stride + k] * lanes;
            }
            for (std::size_t lane = 0; lane < kTileColumns; ++lane)
                target.data[i * target.stride + j + lane] += sum[lane];
        }
    }
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = whole_columns; j < columns; ++j) {
            double sum = 0;
            for (std::size_t k = 0; k < depth; ++k)
                sum += left.data[i * left.stride + k] * right.data[k * right.stride + j];
            target.data[i * target.stride + j] += sum;
        }
}

TENSILE_VECTOR_CLONES
void add_multiple(double* target, const double* source, double factor, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        target[i] += factor * source[i];
}

}  // namespace tensile
