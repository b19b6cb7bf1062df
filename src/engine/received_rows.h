// Rows of a request as model families read them: a validated column block seen through RawRows. Text references are
// copied and checked once more, because the sender of a segment can still write into it. Knows no model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/session_port.h"
#include "models/table/raw_rows.h"
#include "protocol/column_block.h"

namespace tensile {

// The declared columns of a request. Throws ProtocolViolation when there are none, too many, or a name is missing.
std::vector<ColumnDescription> column_descriptions(
    const flatbuffers::Vector<flatbuffers::Offset<protocol::ColumnDeclaration>>* columns);

class ReceivedRows {
  public:
    // Points rows() at the block of `rows`, inline or in `segment`, whose columns must be of the kinds that were
    // declared; throws ProtocolViolation otherwise. The block must outlive the use of rows(). Memory is used again from
    // call to call.
    const RawRows& read(const protocol::Rows* rows, const protocol::Segment& segment,
                        std::span<const ColumnDescription> declared);

  private:
    RawRows rows_;
    std::vector<RawColumn> columns_;
    std::vector<std::vector<TextSlice>> text_;  // by column; empty for columns of other types
};

}  // namespace tensile
