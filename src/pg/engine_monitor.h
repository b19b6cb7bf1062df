// Reads the engine's monitoring views. C++: call inside run_cpp().
#pragma once

#include "pg/cpp_only.h"

#include <string>
#include <string_view>
#include <vector>

#include "client/replies.h"
#include "pg/engine_link.h"
#include "pg/result_rows.h"

namespace tensile {

// All rows of a view of the engine: "pool", "tensors", "progress", "methods", "engine".
client::MonitorTable read_monitor(EngineSession& engine, std::string_view view);
// The same of the pending request.
client::MonitorTable read_monitor(EngineSession& engine);

// The engine's table with the columns that are wanted; those the engine does not know are NULL.
std::vector<TextRow> arranged(client::MonitorTable table, const std::vector<std::string>& wanted);

}  // namespace tensile
