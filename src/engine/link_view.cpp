// Columns and rows of the view "link".
#include "engine/link_view.h"

#include <array>

namespace tensile {

namespace {

constexpr std::array<std::string_view, 7> kLinkColumns = {
    "tier",              // text: pinned, spill
    "direction",         // text: out, in
    "bytes_per_second",  // double precision, alone on the link
    "latency_seconds",   // double precision
    "bytes_moved",       // bigint, since the engine's start
    "bytes_queued",      // bigint; 0 of pinned: streams do not tell
    "measured_at",       // timestamp with time zone
};

void append_row(MonitorView& view, const char* tier, CopyDirection direction, const Link& link,
                const LaneTraffic& traffic) {
    using monitor_cell::number;
    using monitor_cell::real;
    const LinkModel model = link.model();
    const bool is_out = direction == CopyDirection::kOut;
    view.rows.push_back({tier, is_out ? "out" : "in",
                         real(is_out ? model.out_bytes_per_second : model.in_bytes_per_second),
                         real(model.latency_seconds), number(traffic.moved_bytes), number(traffic.queued_bytes),
                         monitor_cell::timestamp(link.measured_at())});
}

}  // namespace

MonitorView link_view(const Link& link, const CopyLanes& lanes, const DeviceBridge* bridge) {
    MonitorView view{kLinkColumns, {}};
    for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn})
        if (bridge != nullptr && bridge->link().is_measured())
            append_row(view, "pinned", direction, bridge->link(), {bridge->moved_bytes(direction), 0});
    for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn})
        if (link.is_measured()) append_row(view, "spill", direction, link, lanes.traffic(direction));
    return view;
}

}  // namespace tensile
