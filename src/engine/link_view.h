// The view "link": what copies between the tensor pool and the next tier are measured to cost, and how many there are.
#pragma once

#include "engine/monitor_view.h"
#include "memory/copy_lanes.h"
#include "memory/link.h"

namespace tensile {

// One row a tier and direction; none of a tier before its link is measured. `bridge`: of an asynchronous device, else
// null.
MonitorView link_view(const Link& link, const CopyLanes& lanes, const DeviceBridge* bridge = nullptr);

}  // namespace tensile
