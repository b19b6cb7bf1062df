// Accepts clients on the listening socket, on a thread of its own. Knows no sessions.
#pragma once

#include <functional>
#include <thread>

#include "engine/log.h"
#include "protocol/descriptor.h"

namespace tensile {

class Listener {
  public:
    // Calls `serve` with each new connection. `socket` is a listening socket that the supervisor shares and that
    // outlives this; clients which connect after the end wait in its queue for the next engine. Throws Error 53000.
    Listener(int socket, std::function<void(protocol::Descriptor)> serve, Log& log);
    // Accepts no more clients.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

  private:
    void run();

    int socket_;
    std::function<void(protocol::Descriptor)> serve_;
    Log& log_;
    protocol::Descriptor stop_event_;
    std::thread thread_;
};

}  // namespace tensile
