// sendmsg and recvmsg with one packet and at most one descriptor.
#include "protocol/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tensile::protocol {

namespace {

// Room for more descriptors than are allowed, so that surplus ones are received and closed rather than lost in padding.
constexpr std::size_t kControlDescriptors = 4;

IoStatus status_of_errno(std::string& problem, const char* what) {
    switch (errno) {
    case EAGAIN:
        return IoStatus::kWouldBlock;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return IoStatus::kClosed;
    default:
        problem = std::string(what) + ": " + std::strerror(errno);
        return IoStatus::kFailed;
    }
}

// Takes the first descriptor out of the control data and closes all others; false when there were others.
bool take_descriptor(msghdr& message, int& descriptor) {
    bool only_one = true;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int received = -1;
            std::memcpy(&received, CMSG_DATA(header) + i * sizeof(int), sizeof received);
            if (descriptor < 0) {
                descriptor = received;
            } else {
                close(received);
                only_one = false;
            }
        }
    }
    return only_one;
}

}  // namespace

IoStatus send_packet(int socket, std::span<const std::byte> packet, int descriptor, bool block, std::string& problem) {
    if (packet.size() > kMaxPacket) {
        problem =
            "packet of " + std::to_string(packet.size()) + " bytes exceeds the limit of " + std::to_string(kMaxPacket);
        return IoStatus::kFailed;
    }
    iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    ssize_t sent = 0;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | (block ? 0 : MSG_DONTWAIT));
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? status_of_errno(problem, "could not send packet") : IoStatus::kOk;
}

Received receive_packet(int socket, std::span<std::byte> buffer, bool block) {
    Received received;
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kControlDescriptors)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t count = 0;
    do {
        count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (block ? 0 : MSG_DONTWAIT));
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        received.status = status_of_errno(received.problem, "could not receive packet");
        return received;
    }
    const bool only_one = take_descriptor(message, received.descriptor);
    if (!only_one) received.problem = "packet with more than one descriptor";
    if ((message.msg_flags & MSG_CTRUNC) != 0) received.problem = "packet with truncated control data";
    if ((message.msg_flags & MSG_TRUNC) != 0)
        received.problem = "packet exceeds the limit of " + std::to_string(buffer.size()) + " bytes";
    if (!received.problem.empty()) {
        if (received.descriptor >= 0) close(received.descriptor);
        received.descriptor = -1;
        return received;
    }
    received.bytes = static_cast<std::size_t>(count);
    received.status = count == 0 ? IoStatus::kClosed : IoStatus::kOk;
    if (received.status == IoStatus::kClosed && received.descriptor >= 0) {
        close(received.descriptor);
        received.descriptor = -1;
    }
    return received;
}

}  // namespace tensile::protocol
