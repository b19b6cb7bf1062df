// A session's end of its socket: receives verified requests with their segments and sends replies. Charges segments to
// the host budget. Knows no message's meaning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "memory/host_budget.h"
#include "protocol/channel.h"
#include "protocol/descriptor.h"
#include "protocol/envelope.h"
#include "protocol/segment.h"
#include "protocol/short_poll.h"
#include "tensor/error.h"

namespace tensile {

// What only a faulty client sends: answered with 08P01, logged, and the connection is closed.
class ProtocolViolation : public Error {
  public:
    explicit ProtocolViolation(std::string problem)
        : Error(sqlstate::kProtocolViolation, "protocol violation", std::move(problem) + ".") {}
};

// The client has hung up, so that nobody can be told of anything.
class ClientGone {};

// A segment and its charge to the host budget.
struct ChargedSegment {
    HostCharge charge;
    protocol::Segment segment;
};

// One received packet. Tables live in the port's buffer until the next receive().
struct Request {
    const protocol::Envelope* envelope = nullptr;
    ChargedSegment attached;  // empty when no segment came

    protocol::Message type() const { return envelope->message_type(); }
    template <typename Table>
    const Table& as() const {
        return *static_cast<const Table*>(envelope->message());
    }
};

class SessionPort {
  public:
    // Takes over the connected socket.
    SessionPort(protocol::Descriptor socket, HostBudget& budget);
    SessionPort(const SessionPort&) = delete;
    SessionPort& operator=(const SessionPort&) = delete;

    int socket() const { return socket_.get(); }

    // Waits for the next request; false when the client has hung up. Throws ProtocolViolation for a malformed packet or
    // segment, Error 53200 when the segment does not fit the host budget.
    bool receive(Request& request);

    // The emptied builder that the next message is written into.
    flatbuffers::FlatBufferBuilder& begin() {
        builder_.Clear();
        return builder_;
    }
    // Sends the message, waiting for room in the socket; throws ClientGone.
    template <typename Table>
    void send(flatbuffers::Offset<Table> message, int descriptor = -1) {
        send_packet(protocol::seal_envelope(builder_, message), descriptor, /*block=*/true);
    }
    // Sends the message unless that would wait; false: it was not sent.
    template <typename Table>
    bool try_send(flatbuffers::Offset<Table> message) {
        return send_packet(protocol::seal_envelope(builder_, message), -1, /*block=*/false);
    }
    // Sends the message with a segment, whose bytes stay charged until the next request arrives: only then has the
    // client done with them.
    template <typename Table>
    void send(flatbuffers::Offset<Table> message, ChargedSegment segment) {
        send(message, segment.segment.descriptor());
        reply_charge_ = std::move(segment.charge);
    }

    // A new segment to send rows or weights in. Throws Error 53200.
    ChargedSegment create_segment(std::size_t bytes);

  private:
    protocol::Received receive_packet();
    bool send_packet(std::span<const std::byte> packet, int descriptor, bool block);

    struct AlignedDelete {
        void operator()(std::byte* buffer) const {
            ::operator delete[](buffer, std::align_val_t(protocol::kPacketAlignment));
        }
    };

    protocol::Descriptor socket_;
    HostBudget& budget_;
    HostCharge reply_charge_;
    protocol::ShortPoll poll_;
    flatbuffers::FlatBufferBuilder builder_;
    std::unique_ptr<std::byte[], AlignedDelete> buffer_;
};

}  // namespace tensile
