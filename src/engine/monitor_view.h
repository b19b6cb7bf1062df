// A monitoring view as a small table of text, its cells in PostgreSQL's input syntax, and how it is sent. Knows no
// view's meaning.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/envelope.h"

namespace tensile {

struct MonitorView {
    using Cell = std::optional<std::string>;  // nothing is NULL
    std::span<const std::string_view> columns;
    std::vector<std::vector<Cell>> rows;
};

namespace monitor_cell {

template <typename Integer>
MonitorView::Cell number(Integer value) {
    return std::to_string(value);
}
// Shortest text that reads back as the same double; "NaN" and "Infinity" as PostgreSQL spells them.
MonitorView::Cell real(double value);
MonitorView::Cell real(const std::optional<double>& value);
MonitorView::Cell text_or_null(std::string value);
// Of words that need no escaping; NULL for none.
MonitorView::Cell text_array(std::span<const std::string_view> values);
MonitorView::Cell timestamp(std::chrono::system_clock::time_point when);

}  // namespace monitor_cell

// Writes as many rows, from `next` on, as one packet should hold, and moves `next` behind them; the message says
// whether more follow. A view without rows is one message.
flatbuffers::Offset<protocol::MonitorReply> write_part(flatbuffers::FlatBufferBuilder& builder, const MonitorView& view,
                                                       std::size_t& next);

}  // namespace tensile
