// A backend's way to the engine: connections that are opened on demand (starting a supervisor where none was
// preloaded), waited on with the backend's latch, and closed whenever an exchange does not come to its end. Knows
// neither what the requests mean (client/requests.h, client/replies.h) nor the supervisor's inside.
//
//   EngineSession& engine = EngineSession::shared();
//   client::request_predict(engine.connection(), slot, block);
//   client::Reply reply = engine.exchange();
//
// Everything here is C++: call it inside run_cpp(). Errors: what the engine answers, as it sent it; 58000 the
// connection was lost (the engine died; repeating the call reconnects); 53000 no free worker slot or descriptor; 55000
// the engine was stopped on purpose, or may not be started from here; 57P03 it does not come up in time. A cancel,
// timeout or termination arrives as PgError at any moment of a wait and closes the connection, at which the engine
// stops the work.
#pragma once

#include "pg/cpp_only.h"

#include <cstdint>
#include <functional>
#include <memory>

#include "client/connection.h"

namespace tensile {

// May this call start a supervisor where none runs? Monitoring must not.
enum class EngineStart : std::uint8_t { kIfNeeded, kNever };

struct EngineLink;

class EngineSession {
  public:
    // A connection of one's own, for requests that keep state in the engine while other SQL may run in between
    // (training, evaluation). It ends with the object, or with the current resource owner (transaction, subtransaction
    // or portal) if that goes first: an object in palloc'ed memory may be forgotten without leaving the engine at work.
    static EngineSession open(EngineStart start = EngineStart::kIfNeeded);

    // The backend's lasting connection, for requests that are complete with their reply, and for prediction slots.
    // Opened anew when the engine has been restarted since: compare number() before relying on a slot.
    static EngineSession& shared(EngineStart start = EngineStart::kIfNeeded);

    EngineSession(EngineSession&& other) noexcept;
    EngineSession& operator=(EngineSession&& other) noexcept;
    ~EngineSession();

    // For writing the next request. Throws 58000 when the connection is closed.
    client::Connection& connection();
    // Never the same for two connections of this backend.
    std::uint64_t number() const;

    // Sends the pending request and returns the message that answers it. What comes before it (progress, log entries,
    // the plan of a training) is given to `observe`. The reply lives until the next request or receive().
    client::Reply exchange();
    client::Reply exchange(const std::function<void(const client::Reply&)>& observe);
    // The two halves of exchange(), for work of one's own in between: send() waits only for room in the socket.
    void send();
    client::Reply await_answer();
    // The next message, for an answer of several packets (MonitorReply with `more`).
    client::Reply receive();
    // Ends the connection; the engine stops what it does for it.
    void close() noexcept;

  private:
    explicit EngineSession(std::unique_ptr<EngineLink> link);

    std::unique_ptr<EngineLink> link_;
};

}  // namespace tensile
