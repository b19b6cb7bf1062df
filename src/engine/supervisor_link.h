// The engine's side of the control channel to its supervisor. Knows the three messages, not what is done about them.
#pragma once

#include <optional>
#include <string>

#include "engine/settings.h"
#include "protocol/descriptor.h"
#include "tensor/error.h"

namespace tensile {

class SupervisorLink {
  public:
    explicit SupervisorLink(int control_descriptor) : socket_(control_descriptor) {}

    int descriptor() const { return socket_.get(); }
    // Waits for the next Configuration; nothing when the supervisor has closed the channel. Throws Error 08P01 for any
    // other message.
    std::optional<Settings> receive_settings();
    void report_ready(const std::string& device);
    // Why the engine cannot start; what clients are told meanwhile. A supervisor that is gone is no error.
    void report_failure(const Error& error);

  private:
    protocol::Descriptor socket_;
};

}  // namespace tensile
