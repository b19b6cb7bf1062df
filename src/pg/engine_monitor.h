// Reads the engine's monitoring views. C++: call inside run_cpp().
#pragma once

#include "pg/cpp_only.h"

#include <string_view>

#include "client/replies.h"
#include "pg/engine_link.h"

namespace tensile {

// All rows of a view of the engine: "pool", "tensors", "progress", "methods", "engine".
client::MonitorTable read_monitor(EngineSession& engine, std::string_view view);

}  // namespace tensile
