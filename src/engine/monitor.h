// The engine's monitoring views as small tables of text. The extension declares the same columns in SQL: monitor.cpp
// states them in one place.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "engine/monitor_view.h"
#include "engine/resources.h"
#include "engine/session_port.h"
#include "engine/session_registry.h"

namespace tensile {

// Whose training the view "plan" is about.
struct PlanQuery {
    std::string_view model;
    std::string_view database_name;
    std::string_view user_name;  // empty: of any user
};

class Monitor {
  public:
    Monitor(const Resources& resources, const SessionRegistry& sessions, std::string build_id);

    // Throws Error 22023 for a view that does not exist.
    MonitorView view(std::string_view name) const;
    // The plan of a running training; no rows where none runs.
    MonitorView plan(const PlanQuery& query) const;
    // Sends the view that a session of `database_name` asks for in as many packets as it takes.
    void reply(const protocol::MonitorRequest& request, std::string_view database_name, SessionPort& port) const;

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
