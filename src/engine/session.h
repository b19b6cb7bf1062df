// One client's session, on a thread of its own: greets, takes one request after the other, and turns every failure into
// an ErrorReply. Nothing that a client sends ends more than its own session.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/monitor.h"
#include "engine/prediction_service.h"
#include "engine/resources.h"
#include "engine/row_work.h"
#include "engine/session_port.h"
#include "engine/session_status.h"

namespace tensile {

class Session {
  public:
    // Takes over the connected socket. `stopping` is the engine's: set while it goes down.
    Session(const Resources& resources, const Monitor& monitor, const std::atomic<bool>& stopping,
            std::string_view build_id, SessionStatus& status, protocol::Descriptor socket);

    int socket() const { return port_.socket(); }

    // Serves until the client hangs up, misbehaves, or the engine goes down. Throws nothing.
    void serve() noexcept;

  private:
    bool greet(const Request& request);
    // False: the session is over.
    bool serve_one();
    void dispatch(const Request& request);
    void begin_training(const protocol::TrainBegin& message);
    void append_or_run(const Request& request);
    void send_error(const Error& error);
    void require_same_user() const;
    // Tells the client that the engine is going down, if it still listens.
    void say_goodbye() noexcept;

    const Resources& resources_;
    const Monitor& monitor_;
    const std::atomic<bool>& stopping_;
    const std::string build_id_;
    SessionStatus& status_;
    SessionPort port_;
    PredictionService predictions_;
    std::unique_ptr<RowWork> work_;
    bool greeted_ = false;
};

}  // namespace tensile
