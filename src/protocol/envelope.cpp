// Limits of the verifier: no message nests deeper than envelope, message, list, entry; a table costs a packet four
// bytes at least, so its size bounds their number, but the same table may be named many times.
#include "protocol/envelope.h"

#include <cstdint>

namespace tensile::protocol {

namespace {

constexpr flatbuffers::uoffset_t kMaxDepth = 8;
constexpr flatbuffers::uoffset_t kMaxTables = 32 * 1024;

}  // namespace

const Envelope* open_envelope(std::span<const std::byte> packet, std::string& problem) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(packet.data());
    if (reinterpret_cast<std::uintptr_t>(bytes) % sizeof(std::uint64_t) != 0) {
        problem = "packet is not aligned";
        return nullptr;
    }
    flatbuffers::Verifier verifier(bytes, packet.size(), kMaxDepth, kMaxTables);
    if (!VerifyEnvelopeBuffer(verifier)) {
        problem = "malformed packet";
        return nullptr;
    }
    const Envelope* envelope = GetEnvelope(bytes);
    if (envelope->message_type() == Message::NONE || envelope->message_type() > Message::MAX ||
        envelope->message() == nullptr) {
        problem = "packet without a known message";
        return nullptr;
    }
    return envelope;
}

flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> reserve_inline_block(flatbuffers::FlatBufferBuilder& builder,
                                                                            std::size_t bytes, std::byte*& data) {
    std::uint8_t* begin = nullptr;
    builder.ForceVectorAlignment(bytes, sizeof(std::uint8_t), sizeof(std::uint64_t));
    const auto vector = builder.CreateUninitializedVector(bytes, &begin);
    data = reinterpret_cast<std::byte*>(begin);
    return vector;
}

}  // namespace tensile::protocol
