// Opening and sealing of envelopes: a packet is verified before anything in it is read, and a message is wrapped with
// the type that belongs to its table. Knows nothing of sockets or of what messages mean.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "protocol/messages_generated.h"

namespace tensile::protocol {

// Receive buffers and inline blocks are aligned to this.
inline constexpr std::size_t kPacketAlignment = 64;

// Verifies the packet and returns its envelope, which lives inside the packet; nullptr when it is malformed (the reason
// in `problem`). A message of a type this build does not know, or none at all, is malformed too.
const Envelope* open_envelope(std::span<const std::byte> packet, std::string& problem);

// The bytes of `message`, already written into `builder`, as one packet. They live in the builder until it is cleared.
template <typename Table>
std::span<const std::byte> seal_envelope(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Table> message) {
    builder.Finish(CreateEnvelope(builder, MessageTraits<Table>::enum_value, message.Union()));
    return {reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize()};
}

// Writes an inline block of `bytes` bytes at the alignment its reader needs; the caller fills `data`, which stays valid
// until the next write to the builder.
flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> reserve_inline_block(flatbuffers::FlatBufferBuilder& builder,
                                                                            std::size_t bytes, std::byte*& data);

// An absent string is an empty one.
inline std::string_view text_of(const flatbuffers::String* text) {
    return text == nullptr ? std::string_view() : std::string_view(text->c_str(), text->size());
}

inline std::span<const std::byte> bytes_of(const flatbuffers::Vector<std::uint8_t>* bytes) {
    return bytes == nullptr ? std::span<const std::byte>()
                            : std::span(reinterpret_cast<const std::byte*>(bytes->data()), bytes->size());
}

}  // namespace tensile::protocol
