// Blocking packets and charged segments.
#include "engine/session_port.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace tensile {

SessionPort::SessionPort(protocol::Descriptor socket, HostBudget& budget)
    : socket_(std::move(socket)),
      budget_(budget),
      buffer_(static_cast<std::byte*>(
          ::operator new[](protocol::kMaxPacket, std::align_val_t(protocol::kPacketAlignment)))) {}

protocol::Received SessionPort::receive_packet() {
    const std::span<std::byte> buffer(buffer_.get(), protocol::kMaxPacket);
    protocol::Received received;
    // A client that predicts row by row sends its next request within microseconds of the last reply.
    const auto arrived = [&] {
        received = protocol::receive_packet(socket_.get(), buffer, /*block=*/false);
        return received.status != protocol::IoStatus::kWouldBlock;
    };
    if (!poll_.run(arrived)) received = protocol::receive_packet(socket_.get(), buffer, /*block=*/true);
    return received;
}

bool SessionPort::receive(Request& request) {
    request = {};
    const protocol::Received received = receive_packet();
    reply_charge_ = {};
    if (received.status == protocol::IoStatus::kClosed) return false;
    if (received.status != protocol::IoStatus::kOk) throw ProtocolViolation(received.problem);

    std::string problem;
    if (received.descriptor >= 0) {
        std::optional<protocol::Segment> segment = protocol::Segment::adopt(received.descriptor, SIZE_MAX, problem);
        if (!segment) throw ProtocolViolation(problem);
        request.attached.segment = std::move(*segment);
    }
    request.envelope = protocol::open_envelope({buffer_.get(), received.bytes}, problem);
    if (request.envelope == nullptr) throw ProtocolViolation(problem);
    if (request.attached.segment) request.attached.charge = budget_.charge(request.attached.segment.bytes().size());
    return true;
}

ChargedSegment SessionPort::create_segment(std::size_t bytes) {
    ChargedSegment result;
    result.charge = budget_.charge(bytes);
    std::optional<protocol::Segment> segment = protocol::Segment::create(bytes);
    if (!segment)
        throw Error(sqlstate::kOutOfMemory, "could not allocate a shared memory segment of the tensile engine",
                    "Creating a segment of " + std::to_string(bytes) + " bytes failed: " + std::strerror(errno) + ".");
    result.segment = std::move(*segment);
    return result;
}

bool SessionPort::send_packet(std::span<const std::byte> packet, int descriptor, bool block) {
    std::string problem;
    switch (protocol::send_packet(socket_.get(), packet, descriptor, block, problem)) {
    case protocol::IoStatus::kOk:
        return true;
    case protocol::IoStatus::kWouldBlock:
        return false;
    case protocol::IoStatus::kClosed:
        throw ClientGone();
    case protocol::IoStatus::kFailed:
        break;
    }
    throw InternalError(problem);
}

}  // namespace tensile
