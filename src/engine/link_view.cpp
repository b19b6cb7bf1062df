// Columns and rows of the view "link".
#include "engine/link_view.h"

#include <array>

namespace tensile {

namespace {

constexpr std::array<std::string_view, 7> kLinkColumns = {
    "tier",              // text: spill
    "direction",         // text: out, in
    "bytes_per_second",  // double precision, alone on the link
    "latency_seconds",   // double precision
    "bytes_moved",       // bigint, since the engine's start
    "bytes_queued",      // bigint
    "measured_at",       // timestamp with time zone
};

}  // namespace

MonitorView link_view(const Link& link, const CopyLanes& lanes) {
    using monitor_cell::number;
    using monitor_cell::real;
    MonitorView view{kLinkColumns, {}};
    if (!link.is_measured()) return view;
    const LinkModel model = link.model();
    for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn}) {
        const bool is_out = direction == CopyDirection::kOut;
        const LaneTraffic traffic = lanes.traffic(direction);
        view.rows.push_back({"spill", is_out ? "out" : "in",
                             real(is_out ? model.out_bytes_per_second : model.in_bytes_per_second),
                             real(model.latency_seconds), number(traffic.moved_bytes), number(traffic.queued_bytes),
                             monitor_cell::timestamp(link.measured_at())});
    }
    return view;
}

}  // namespace tensile
