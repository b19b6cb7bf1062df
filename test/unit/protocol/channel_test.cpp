// Packets and descriptors over a socket pair.
#include "protocol/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "protocol/descriptor.h"

namespace tensile::protocol {
namespace {

class ChannelTest : public testing::Test {
  protected:
    ChannelTest() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        left_ = Descriptor(ends[0]);
        right_ = Descriptor(ends[1]);
    }

    IoStatus send(std::span<const std::byte> packet, int descriptor = -1) {
        return send_packet(left_.get(), packet, descriptor, /*block=*/false, problem_);
    }
    Received receive() { return receive_packet(right_.get(), buffer_, /*block=*/false); }

    // Sends `count` descriptors at once, as no honest peer does.
    void send_descriptors(std::size_t count) {
        std::array<char, CMSG_SPACE(sizeof(int) * 16)> control{};
        char byte = 'x';
        iovec part{&byte, 1};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        const std::vector<int> descriptors(count, left_.get());
        std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * count);
        ASSERT_EQ(sendmsg(left_.get(), &message, 0), 1);
    }

    Descriptor left_;
    Descriptor right_;
    std::string problem_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kMaxPacket);
};

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int descriptor = 0; descriptor < 256; ++descriptor)
        count += fcntl(descriptor, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

TEST_F(ChannelTest, PacketsKeepTheirBoundaries) {
    const std::array<std::byte, 3> first{std::byte{1}, std::byte{2}, std::byte{3}};
    const std::array<std::byte, 1> second{std::byte{4}};
    ASSERT_EQ(send(first), IoStatus::kOk);
    ASSERT_EQ(send(second), IoStatus::kOk);
    EXPECT_EQ(receive().bytes, 3U);
    EXPECT_EQ(buffer_[2], std::byte{3});
    EXPECT_EQ(receive().bytes, 1U);
    EXPECT_EQ(receive().status, IoStatus::kWouldBlock);
}

TEST_F(ChannelTest, TheLargestPacketFits) {
    const std::vector<std::byte> packet(kMaxPacket, std::byte{7});
    ASSERT_EQ(send(packet), IoStatus::kOk) << problem_;
    const Received received = receive();
    EXPECT_EQ(received.status, IoStatus::kOk);
    EXPECT_EQ(received.bytes, kMaxPacket);
    EXPECT_EQ(buffer_.back(), std::byte{7});
}

TEST_F(ChannelTest, ALargerPacketIsNotSent) {
    EXPECT_EQ(send(std::vector<std::byte>(kMaxPacket + 1)), IoStatus::kFailed);
    EXPECT_EQ(problem_, "packet of 196609 bytes exceeds the limit of 196608");
}

TEST_F(ChannelTest, ALargerPacketOfAPeerIsRefused) {
    const std::vector<std::byte> packet(kMaxPacket + 1);
    ASSERT_EQ(::send(left_.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
    const Received received = receive();
    EXPECT_EQ(received.status, IoStatus::kFailed);
    EXPECT_EQ(received.problem, "packet exceeds the limit of 196608 bytes");
}

TEST_F(ChannelTest, ADescriptorTravelsWithItsPacket) {
    Descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
    const std::array<std::byte, 1> packet{};
    ASSERT_EQ(send(packet, null.get()), IoStatus::kOk);
    const Descriptor received(receive().descriptor);
    ASSERT_TRUE(received);
    EXPECT_NE(received.get(), null.get());
    EXPECT_NE(fcntl(received.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ChannelTest, SurplusDescriptorsAreRefusedAndClosed) {
    const std::size_t before = open_descriptors();
    for (const std::size_t count : {2, 4, 5, 16}) {
        send_descriptors(count);
        const Received received = receive();
        EXPECT_EQ(received.status, IoStatus::kFailed) << count;
        EXPECT_EQ(received.descriptor, -1);
        EXPECT_NE(received.problem, "");
        EXPECT_EQ(open_descriptors(), before) << count;
    }
}

TEST_F(ChannelTest, AFullSocketWouldBlock) {
    const std::vector<std::byte> packet(kMaxPacket);
    IoStatus status = IoStatus::kOk;
    for (int i = 0; i < 100 && status == IoStatus::kOk; ++i)
        status = send(packet);
    EXPECT_EQ(status, IoStatus::kWouldBlock);
    EXPECT_EQ(receive().status, IoStatus::kOk);
    EXPECT_EQ(send(packet), IoStatus::kOk);
}

TEST_F(ChannelTest, AHungUpPeerIsNotASignal) {
    right_ = Descriptor();
    const std::array<std::byte, 1> packet{};
    EXPECT_EQ(send(packet), IoStatus::kClosed);
    EXPECT_EQ(receive_packet(left_.get(), buffer_, /*block=*/true).status, IoStatus::kClosed);
}

TEST_F(ChannelTest, PacketsSentBeforeTheHangUpStillArrive) {
    const std::array<std::byte, 2> packet{};
    ASSERT_EQ(send(packet), IoStatus::kOk);
    left_ = Descriptor();
    EXPECT_EQ(receive().bytes, 2U);
    EXPECT_EQ(receive().status, IoStatus::kClosed);
}

}  // namespace
}  // namespace tensile::protocol
