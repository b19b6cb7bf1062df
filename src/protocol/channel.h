// Packets over a SOCK_SEQPACKET Unix socket, with at most one descriptor each. No waiting policy: callers decide how to
// wait (the engine blocks, a backend waits on its latch). Knows neither what messages mean nor PostgreSQL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tensile::protocol {

inline constexpr std::uint32_t kProtocolVersion = 1;
// Below the default send buffer of a Unix socket (208 KiB), and enough to declare the 1,600 columns of the widest table
// with the longest names.
inline constexpr std::size_t kMaxPacket = 192 * 1024;

enum class IoStatus : std::uint8_t { kOk, kWouldBlock, kClosed, kFailed };

struct Received {
    IoStatus status = IoStatus::kFailed;
    std::size_t bytes = 0;  // of the packet, written to the caller's buffer
    int descriptor = -1;    // owned by the caller, close-on-exec; -1 when none came
    std::string problem;    // for kFailed: truncated packet or control data, errno text
};

// Sends one packet; with `descriptor` >= 0 passes it along. `block` false: kWouldBlock instead of waiting.
IoStatus send_packet(int socket, std::span<const std::byte> packet, int descriptor, bool block, std::string& problem);
// Receives one packet into `buffer` (at least kMaxPacket bytes).
Received receive_packet(int socket, std::span<std::byte> buffer, bool block);

}  // namespace tensile::protocol
