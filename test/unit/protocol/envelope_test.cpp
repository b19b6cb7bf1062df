// Envelopes: messages survive the way through bytes, and damaged bytes are refused before anything reads them.
#include "protocol/envelope.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace tensile::protocol {
namespace {

// A copy of a packet in memory of exactly its size, aligned as receive buffers are.
std::vector<std::uint64_t> aligned_copy(std::span<const std::byte> packet) {
    std::vector<std::uint64_t> words((packet.size() + 7) / 8);
    std::memcpy(words.data(), packet.data(), packet.size());
    return words;
}

const Envelope* open(std::span<const std::uint64_t> words, std::size_t bytes) {
    std::string problem;
    const Envelope* envelope = open_envelope(std::as_bytes(words).first(bytes), problem);
    EXPECT_EQ(envelope == nullptr, !problem.empty());
    return envelope;
}

TEST(Envelope, KeepsAMessage) {
    flatbuffers::FlatBufferBuilder builder;
    const auto packet = seal_envelope(builder, CreateHelloDirect(builder, 1, "build", 42, "user", "database", "psql"));
    const std::vector<std::uint64_t> words = aligned_copy(packet);
    const Envelope* envelope = open(words, packet.size());
    ASSERT_NE(envelope, nullptr);
    ASSERT_NE(envelope->message_as_Hello(), nullptr);
    EXPECT_EQ(envelope->message_as_Hello()->backend_pid(), 42);
    EXPECT_EQ(text_of(envelope->message_as_Hello()->application_name()), "psql");
    EXPECT_EQ(envelope->message_as_Predict(), nullptr);
}

TEST(Envelope, AnAbsentStringIsEmpty) {
    flatbuffers::FlatBufferBuilder builder;
    const auto packet = seal_envelope(builder, CreateErrorReply(builder));
    const std::vector<std::uint64_t> words = aligned_copy(packet);
    const Envelope* envelope = open(words, packet.size());
    ASSERT_NE(envelope, nullptr);
    EXPECT_EQ(text_of(envelope->message_as_ErrorReply()->hint()), "");
}

TEST(Envelope, AnInlineBlockIsAligned) {
    for (std::size_t bytes = 1; bytes < 40; ++bytes) {
        flatbuffers::FlatBufferBuilder builder;
        std::byte* data = nullptr;
        const auto block = reserve_inline_block(builder, bytes, data);
        std::memset(data, 0x5A, bytes);
        const auto packet = seal_envelope(builder, CreatePredict(builder, 3, CreateRows(builder, block)));
        const std::vector<std::uint64_t> words = aligned_copy(packet);
        const Envelope* envelope = open(words, packet.size());
        ASSERT_NE(envelope, nullptr);
        const std::span<const std::byte> received = bytes_of(envelope->message_as_Predict()->rows()->inline_bytes());
        ASSERT_EQ(received.size(), bytes);
        EXPECT_EQ(received.back(), std::byte{0x5A});
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(received.data()) % 8, 0U);
    }
}

TEST(Envelope, AMessageOfNoTypeIsRefused) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(CreateEnvelope(builder));
    const std::span packet(reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize());
    EXPECT_EQ(open(aligned_copy(packet), packet.size()), nullptr);
}

TEST(Envelope, AMessageOfUnknownTypeIsRefused) {
    flatbuffers::FlatBufferBuilder builder;
    const auto accepted = CreateAccepted(builder);
    builder.Finish(CreateEnvelope(builder, static_cast<Message>(200), accepted.Union()));
    const std::span packet(reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize());
    EXPECT_EQ(open(aligned_copy(packet), packet.size()), nullptr);
}

TEST(Envelope, AnEmptyPacketIsRefused) {
    const std::vector<std::uint64_t> words(1);
    EXPECT_EQ(open(words, 0), nullptr);
    EXPECT_EQ(open(words, 8), nullptr);
}

TEST(Envelope, AMisalignedPacketIsRefused) {
    const std::vector<std::uint64_t> words(4);
    std::string problem;
    EXPECT_EQ(open_envelope(std::as_bytes(std::span(words)).subspan(1), problem), nullptr);
    EXPECT_EQ(problem, "packet is not aligned");
}

// One table named very often costs few bytes; the verifier's limit on tables keeps it from costing much time.
TEST(Envelope, RepeatedReferencesToOneTableAreLimited) {
    flatbuffers::FlatBufferBuilder builder;
    const auto column = CreateColumnDeclarationDirect(builder, "c", "text");
    const std::vector<flatbuffers::Offset<ColumnDeclaration>> columns(40000, column);
    const auto packet = seal_envelope(builder, CreateTrainBegin(builder, 0, 0, 0, 0, builder.CreateVector(columns)));
    ASSERT_LT(packet.size(), std::size_t{192} * 1024);
    EXPECT_EQ(open(aligned_copy(packet), packet.size()), nullptr);
}

TEST(Envelope, NoDamagedByteIsReadOutOfBounds) {
    flatbuffers::FlatBufferBuilder builder;
    const std::vector<flatbuffers::Offset<ColumnDeclaration>> columns = {
        CreateColumnDeclarationDirect(builder, "age", "integer"),
        CreateColumnDeclarationDirect(builder, "job", "text")};
    const auto packet =
        seal_envelope(builder, CreateTrainBegin(builder, builder.CreateString("model"), builder.CreateString("mlp"), 0,
                                                0, builder.CreateVector(columns)));
    const std::vector<std::uint64_t> intact = aligned_copy(packet);
    ASSERT_NE(open(intact, packet.size()), nullptr);
    int refused = 0;
    for (std::size_t at = 0; at < packet.size(); ++at) {
        for (const unsigned value : {0x00U, 0x7FU, 0x80U, 0xFFU}) {
            std::vector<std::uint64_t> damaged = intact;
            std::as_writable_bytes(std::span(damaged))[at] = static_cast<std::byte>(value);
            const Envelope* envelope = open(damaged, packet.size());
            if (envelope == nullptr) {
                ++refused;
                continue;
            }
            // What is accepted can be read to the last byte.
            const TrainBegin* message = envelope->message_as_TrainBegin();
            if (message == nullptr || message->columns() == nullptr) continue;
            std::size_t length = 0;
            for (const ColumnDeclaration* column : *message->columns())
                length += text_of(column->name()).size() + text_of(column->type_name()).size();
            EXPECT_LT(length, packet.size() * 2);
        }
    }
    EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace tensile::protocol
