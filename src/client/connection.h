// One connection to the engine, as a state machine that never waits by itself: a backend waits on its latch between the
// calls, a test or benchmark with poll (wait_with_poll). Knows neither PostgreSQL nor what requests mean (requests.h,
// replies.h).
//
//   request_predict(connection, slot, block);                           // builds the packet
//   while (!connection.flush()) wait until the socket is writable;
//   std::optional<Reply> reply;
//   while (!(reply = connection.try_receive())) wait until it is readable;
//
// One request at a time. An exchange that is given up half-way leaves the connection unusable: destroy it, and the
// engine stops the work. Every failure is an exception of type Error: the engine's own errors as it sent them (the
// connection stays usable unless broken()), 58000 when it is gone, 08P01 for what no engine of this build would send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "protocol/channel.h"
#include "protocol/descriptor.h"
#include "protocol/envelope.h"
#include "protocol/segment.h"

namespace tensile::client {

// A message from the engine. The tables live in the connection's buffer until its next begin() or try_receive().
struct Reply {
    const protocol::Envelope* envelope = nullptr;
    protocol::Segment segment;  // empty when none came

    protocol::Message type() const { return envelope->message_type(); }
    // The message when it is of that type, else nullptr.
    template <typename Table>
    const Table* as() const {
        return type() == protocol::MessageTraits<Table>::enum_value ? static_cast<const Table*>(envelope->message())
                                                                    : nullptr;
    }
};

enum class ConnectStatus : std::uint8_t {
    kConnected,
    kAbsent,  // no socket, or nobody has it open: neither supervisor nor engine runs
    kBusy,    // the queue of the listening socket is full: try again
};

// Whether the message only tells how the work goes and the answer is still to come.
bool is_interim(const Reply& reply);

class Connection {
  public:
    // Connects without waiting; an engine that is being restarted accepts later. Fills `connection` when kConnected;
    // throws Error 58000 for anything but the two expected failures.
    static ConnectStatus connect(const std::string& path, std::unique_ptr<Connection>& connection);
    // Takes over a connected SOCK_SEQPACKET socket.
    explicit Connection(int socket);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int socket() const { return socket_.get(); }
    // No further exchange is possible.
    bool broken() const { return broken_; }
    // Segments larger than this are refused; unlimited at first.
    void set_segment_limit(std::size_t bytes) { segment_limit_ = bytes; }

    // Starts a request: the emptied builder (its memory is used again). The request is written into it, then
    // finish() makes it the packet that flush() sends. Throws InternalError while another request is unanswered.
    flatbuffers::FlatBufferBuilder& begin();
    // `descriptor` >= 0 goes along and must stay open until flush() has returned true.
    template <typename Table>
    void finish(flatbuffers::Offset<Table> message, int descriptor = -1) {
        pending_ = protocol::seal_envelope(builder_, message);
        pending_descriptor_ = descriptor;
    }

    // Sends what is pending; false: the socket would block.
    bool flush();
    // The next message, or nothing when none has arrived yet. An ErrorReply is thrown. A request is answered by the
    // first message that is not interim (and, for MonitorReply, says that no more follow).
    std::optional<Reply> try_receive();

  private:
    [[noreturn]] void lose(const std::string& detail);
    [[noreturn]] void throw_error_reply(const protocol::ErrorReply& reply);

    struct AlignedDelete {
        void operator()(std::byte* buffer) const;
    };

    protocol::Descriptor socket_;
    bool broken_ = false;
    bool awaiting_reply_ = false;
    std::size_t segment_limit_ = SIZE_MAX;
    flatbuffers::FlatBufferBuilder builder_;
    std::span<const std::byte> pending_;
    int pending_descriptor_ = -1;
    std::unique_ptr<std::byte[], AlignedDelete> buffer_;
};

enum class WaitFor : std::uint8_t { kReadable, kWritable };
// Waits until the socket may be ready; may throw to give the exchange up.
using WaitFunction = std::function<void(int socket, WaitFor what)>;

// Waits with poll(), for ever.
void wait_with_poll(int socket, WaitFor what);
// Sends the pending request.
void send_all(Connection& connection, const WaitFunction& wait = wait_with_poll);
// The next message.
Reply receive(Connection& connection, const WaitFunction& wait = wait_with_poll);
// Sends the pending request and returns the first message that answers it; interim ones are dropped.
Reply exchange(Connection& connection, const WaitFunction& wait = wait_with_poll);

}  // namespace tensile::client
