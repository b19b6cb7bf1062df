// Cells and packets.
#include "engine/monitor_view.h"

#include <array>
#include <charconv>
#include <ctime>
#include <utility>

namespace tensile {

namespace {

// A packet of rows is sent when it has grown to this.
constexpr std::size_t kPacketTarget = 64 * 1024;

flatbuffers::Offset<protocol::MonitorRow> write_row(flatbuffers::FlatBufferBuilder& builder,
                                                    const std::vector<MonitorView::Cell>& row) {
    std::vector<flatbuffers::Offset<protocol::MonitorCell>> cells;
    cells.reserve(row.size());
    for (const MonitorView::Cell& cell : row) {
        const auto value = cell ? builder.CreateString(*cell) : flatbuffers::Offset<flatbuffers::String>();
        cells.push_back(protocol::CreateMonitorCell(builder, value));
    }
    return protocol::CreateMonitorRow(builder, builder.CreateVector(cells));
}

}  // namespace

namespace monitor_cell {

MonitorView::Cell real(double value) {
    if (value != value) return "NaN";
    if (value > 1.7976931348623157e308) return "Infinity";
    if (value < -1.7976931348623157e308) return "-Infinity";
    std::array<char, 32> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return std::string(text.data(), result.ptr);
}

MonitorView::Cell real(const std::optional<double>& value) {
    return value ? real(*value) : std::nullopt;
}

MonitorView::Cell text_or_null(std::string value) {
    return value.empty() ? MonitorView::Cell() : MonitorView::Cell(std::move(value));
}

MonitorView::Cell text_array(std::span<const std::string_view> values) {
    if (values.empty()) return std::nullopt;
    std::string text = "{";
    for (const std::string_view value : values) {
        if (text.size() > 1) text += ',';
        text += '"';
        text += value;
        text += '"';
    }
    return text + "}";
}

MonitorView::Cell timestamp(std::chrono::system_clock::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text;
    return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S+00", &parts));
}

}  // namespace monitor_cell

flatbuffers::Offset<protocol::MonitorReply> write_part(flatbuffers::FlatBufferBuilder& builder, const MonitorView& view,
                                                       std::size_t& next) {
    std::vector<flatbuffers::Offset<protocol::MonitorRow>> rows;
    while (next < view.rows.size() && builder.GetSize() < kPacketTarget)
        rows.push_back(write_row(builder, view.rows[next++]));
    std::vector<flatbuffers::Offset<protocol::MonitorColumn>> columns;
    for (const std::string_view column : view.columns)
        columns.push_back(protocol::CreateMonitorColumn(builder, builder.CreateString(column.data(), column.size())));
    const auto column_vector = builder.CreateVector(columns);
    const auto row_vector = builder.CreateVector(rows);
    return protocol::CreateMonitorReply(builder, column_vector, row_vector, next < view.rows.size());
}

}  // namespace tensile
