// The socket side of the client: non-blocking connect, send and receive.
#include "client/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "tensor/error.h"

namespace tensile::client {

namespace {

constexpr std::string_view kLost = "connection to the tensile engine was lost";
constexpr std::string_view kProtocolProblem = "unexpected message from the tensile engine";

// The last message of the answer to a request.
bool ends_answer(const Reply& reply) {
    if (const auto* monitor = reply.as<protocol::MonitorReply>()) return !monitor->more();
    return !is_interim(reply);
}

std::string string_of(const flatbuffers::String* text) {
    return std::string(protocol::text_of(text));
}

}  // namespace

bool is_interim(const Reply& reply) {
    switch (reply.type()) {
    case protocol::Message::Progress:
    case protocol::Message::LogEntry:
    case protocol::Message::TrainPlan:
        return true;
    default:
        return false;
    }
}

void Connection::AlignedDelete::operator()(std::byte* buffer) const {
    ::operator delete[](buffer, std::align_val_t(protocol::kPacketAlignment));
}

ConnectStatus Connection::connect(const std::string& path, std::unique_ptr<Connection>& connection) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw Error(sqlstate::kSystemError, "path of the tensile engine's socket is too long");
    std::memcpy(address.sun_path, path.data(), path.size());

    const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0)
        throw Error(sqlstate::kSystemError, "could not create a socket to reach the tensile engine",
                    std::string(std::strerror(errno)) + ".");
    auto opened = std::make_unique<Connection>(socket);
    int status = 0;
    do {
        status = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    } while (status != 0 && errno == EINTR);
    if (status == 0) {
        connection = std::move(opened);
        return ConnectStatus::kConnected;
    }
    switch (errno) {
    case EAGAIN:
        return ConnectStatus::kBusy;
    case ENOENT:
    case ECONNREFUSED:
        return ConnectStatus::kAbsent;
    default:
        throw Error(sqlstate::kSystemError, "could not connect to the tensile engine",
                    std::string(std::strerror(errno)) + ".");
    }
}

Connection::Connection(int socket)
    : socket_(socket),
      buffer_(static_cast<std::byte*>(
          ::operator new[](protocol::kMaxPacket, std::align_val_t(protocol::kPacketAlignment)))) {}

flatbuffers::FlatBufferBuilder& Connection::begin() {
    if (broken_) throw Error(sqlstate::kSystemError, std::string(kLost));
    if (awaiting_reply_) throw InternalError("request on a connection whose last one is unanswered");
    builder_.Clear();
    awaiting_reply_ = true;
    return builder_;
}

bool Connection::flush() {
    if (pending_.empty()) return true;
    if (pending_.size() > protocol::kMaxPacket) {
        const std::string detail = "The request takes " + std::to_string(pending_.size()) + " bytes, the limit is " +
                                   std::to_string(protocol::kMaxPacket) + ".";
        pending_ = {};
        awaiting_reply_ = false;
        throw Error(sqlstate::kProgramLimitExceeded, "request to the tensile engine is too large", detail);
    }
    std::string problem;
    const protocol::IoStatus status =
        protocol::send_packet(socket_.get(), pending_, pending_descriptor_, /*block=*/false, problem);
    switch (status) {
    case protocol::IoStatus::kWouldBlock:
        return false;
    case protocol::IoStatus::kOk:
    case protocol::IoStatus::kClosed:
        // Also when the engine has hung up: it may have said why, and try_receive() reads that first.
        pending_ = {};
        pending_descriptor_ = -1;
        return true;
    case protocol::IoStatus::kFailed:
        break;
    }
    lose(problem);
}

std::optional<Reply> Connection::try_receive() {
    protocol::Received received =
        protocol::receive_packet(socket_.get(), {buffer_.get(), protocol::kMaxPacket}, /*block=*/false);
    if (received.status == protocol::IoStatus::kWouldBlock) return std::nullopt;
    if (received.status != protocol::IoStatus::kOk) lose(received.problem);

    Reply reply;
    std::string problem;
    if (received.descriptor >= 0) {
        std::optional<protocol::Segment> segment =
            protocol::Segment::adopt(received.descriptor, segment_limit_, problem);
        if (!segment) lose(problem);
        reply.segment = std::move(*segment);
    }
    reply.envelope = protocol::open_envelope({buffer_.get(), received.bytes}, problem);
    if (reply.envelope == nullptr) {
        broken_ = true;
        throw Error(sqlstate::kProtocolViolation, std::string(kProtocolProblem), problem + ".");
    }
    if (ends_answer(reply)) awaiting_reply_ = false;
    if (const auto* error = reply.as<protocol::ErrorReply>()) throw_error_reply(*error);
    return reply;
}

void Connection::lose(const std::string& detail) {
    broken_ = true;
    throw Error(sqlstate::kSystemError, std::string(kLost), detail.empty() ? std::string() : detail + ".",
                "The engine may have been restarted. Try the command again; the server log tells more.");
}

void Connection::throw_error_reply(const protocol::ErrorReply& reply) {
    std::string code = string_of(reply.sqlstate());
    // The engine's farewell: it closes the connection after it.
    if (code == sqlstate::kCannotConnectNow || code == sqlstate::kProtocolViolation) broken_ = true;
    if (code.size() != 5) code = sqlstate::kInternalError;
    throw Error(code, string_of(reply.message()), string_of(reply.detail()), string_of(reply.hint()));
}

void wait_with_poll(int socket, WaitFor what) {
    pollfd entry{socket, static_cast<short>(what == WaitFor::kReadable ? POLLIN : POLLOUT), 0};
    while (poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
}

void send_all(Connection& connection, const WaitFunction& wait) {
    while (!connection.flush())
        wait(connection.socket(), WaitFor::kWritable);
}

Reply receive(Connection& connection, const WaitFunction& wait) {
    while (true) {
        if (std::optional<Reply> reply = connection.try_receive()) return std::move(*reply);
        wait(connection.socket(), WaitFor::kReadable);
    }
}

Reply exchange(Connection& connection, const WaitFunction& wait) {
    send_all(connection, wait);
    while (true) {
        Reply reply = receive(connection, wait);
        if (!is_interim(reply)) return reply;
    }
}

}  // namespace tensile::client
