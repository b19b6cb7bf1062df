// The engine's monitoring views as small tables of text. The extension declares the same columns in SQL: monitor.cpp
// states them in one place.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/resources.h"
#include "engine/session_port.h"
#include "engine/session_registry.h"

namespace tensile {

struct MonitorView {
    using Cell = std::optional<std::string>;  // text in PostgreSQL's input syntax; nothing is NULL
    std::span<const std::string_view> columns;
    std::vector<std::vector<Cell>> rows;
};

class Monitor {
  public:
    Monitor(const Resources& resources, const SessionRegistry& sessions, std::string build_id);

    // Throws Error 22023 for a view that does not exist.
    MonitorView view(std::string_view name) const;
    // Sends the view in as many packets as it takes.
    void reply(std::string_view name, SessionPort& port) const;

  private:
    MonitorView pool() const;
    MonitorView tensors() const;
    MonitorView progress() const;
    MonitorView methods() const;
    MonitorView engine() const;

    const Resources& resources_;
    const SessionRegistry& sessions_;
    std::string build_id_;
    std::chrono::system_clock::time_point started_;
};

}  // namespace tensile
