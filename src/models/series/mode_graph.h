// Graphs between the keys of a mode: from rows of an edge table to ModeGraph, and the matrix that graph convolutions
// multiply with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/series/chunked_array.h"
#include "models/series/key_column.h"
#include "models/series/series_table.h"
#include "models/table/raw_rows.h"

namespace tensile {

// Takes the rows of one edge table: from, to and, if there is a third column, weight, in this order.
class ModeGraphCollector {
  public:
    // Throws Error 42804 for tables of other columns.
    ModeGraphCollector(int mode, std::string mode_name, std::string relation,
                       std::span<const ColumnDescription> columns);

    // Throws Error 22004 for a NULL, 22023 for a weight that is negative or not finite.
    void append(const RawRows& rows);
    // Throws Error 22023 when edges name keys that `mode` does not have, or when there is no edge.
    ModeGraph build(const SeriesMode& mode) const;
    std::uint64_t bytes() const;

  private:
    std::string where() const;

    int mode_;
    std::string mode_name_;
    std::string relation_;
    KeyColumn from_;
    KeyColumn to_;
    std::string weight_;  // name of the column; empty: all weights are 1
    ChunkedArray<std::uint32_t> from_ids_;
    ChunkedArray<std::uint32_t> to_ids_;
    ChunkedArray<float> weights_;
};

// The normalised adjacency matrix [keys, keys] of a graph, row-major: R^-1/2 A C^-1/2, where A[i][j] is the weight of
// the edge from i to j, R its row sums and C its column sums on the diagonal; for a symmetric A this is D^-1/2 A D^-1/2
// (Kipf and Welling, ICLR 2017; Jing, Tong and Zhu, WWW 2021, equation 5). An edge that is given in one direction only
// counts in that direction only. No self loops are added: the row and column of an isolated key are 0, so that a
// convolution neither gives it anything nor takes anything from it. The largest singular value is 1 at most.
// Throws Error 54000 for more than `most_keys` keys.
std::vector<float> normalized_adjacency(const ModeGraph& graph, std::int64_t keys, std::int64_t most_keys);

}  // namespace tensile
