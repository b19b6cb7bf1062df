// Configuration in, EngineReady or ErrorReply out.
#include "engine/supervisor_link.h"

#include <unistd.h>

#include <vector>

#include "protocol/channel.h"
#include "protocol/envelope.h"
#include "tensor/error.h"

namespace tensile {

namespace {

[[noreturn]] void throw_unexpected(const std::string& problem) {
    throw Error(sqlstate::kProtocolViolation, "unexpected message from the supervisor", problem + ".");
}

}  // namespace

std::optional<Settings> SupervisorLink::receive_settings() {
    // Words, for the alignment that the verifier wants.
    std::vector<std::uint64_t> buffer(protocol::kMaxPacket / sizeof(std::uint64_t));
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(buffer));
    const protocol::Received received = protocol::receive_packet(socket_.get(), bytes, /*block=*/true);
    if (received.status == protocol::IoStatus::kClosed) return std::nullopt;
    if (received.status != protocol::IoStatus::kOk) throw_unexpected(received.problem);
    const protocol::Descriptor unwanted(received.descriptor);

    std::string problem;
    const protocol::Envelope* envelope = protocol::open_envelope(bytes.first(received.bytes), problem);
    if (envelope == nullptr) throw_unexpected(problem);
    const protocol::Configuration* configuration = envelope->message_as_Configuration();
    if (configuration == nullptr) throw_unexpected("It is no configuration");
    return settings_from(*configuration);
}

void SupervisorLink::report_ready(const std::string& device) {
    flatbuffers::FlatBufferBuilder builder;
    const auto packet =
        protocol::seal_envelope(builder, protocol::CreateEngineReady(builder, builder.CreateString(device)));
    std::string problem;
    const protocol::IoStatus status = protocol::send_packet(socket_.get(), packet, -1, /*block=*/true, problem);
    if (status != protocol::IoStatus::kOk)
        throw Error(sqlstate::kSystemError, "could not report to the supervisor", problem);
}

void SupervisorLink::report_failure(const Error& error) {
    flatbuffers::FlatBufferBuilder builder;
    const std::string code(error.sqlstate());
    const auto packet = protocol::seal_envelope(
        builder, protocol::CreateErrorReplyDirect(builder, code.c_str(), error.message().c_str(),
                                                  error.detail().c_str(), error.hint().c_str()));
    std::string problem;
    protocol::send_packet(socket_.get(), packet, -1, /*block=*/false, problem);
}

}  // namespace tensile
