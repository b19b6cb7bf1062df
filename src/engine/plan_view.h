// The view "plan": what the plan of a training decides for each tensor. Sent live to whoever asks for it, and with the
// finished model so that it can be stored.
#pragma once

#include <span>

#include "engine/monitor_view.h"
#include "engine/session_port.h"
#include "runtime/plan_rows.h"

namespace tensile {

// Rows of a plan that are shown or stored at most.
inline constexpr std::size_t kMaxPlanRows = 4096;

MonitorView plan_view(std::span<const PlanRow> rows);

// Sends the rows as TrainPlan messages, waiting for the client if need be; no rows, no message.
void send_plan(std::span<const PlanRow> rows, SessionPort& port);

}  // namespace tensile
