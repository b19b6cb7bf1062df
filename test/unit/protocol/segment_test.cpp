// Segments: the receiver maps only what can neither shrink nor run out of memory under its feet.
#include "protocol/segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tensile::protocol {
namespace {

constexpr int kAllSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

int memory_file(std::size_t bytes, int seals) {
    const int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ(fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)), 0);
    if (seals != 0) {
        EXPECT_EQ(fcntl(descriptor, F_ADD_SEALS, seals), 0);
    }
    return descriptor;
}

bool is_open(int descriptor) {
    return fcntl(descriptor, F_GETFD) >= 0;
}

// Why the descriptor is refused, or "" when it is adopted; it must be closed either way.
std::string refusal(int descriptor, std::size_t limit = 1 << 20) {
    std::string problem;
    const bool adopted = Segment::adopt(descriptor, limit, problem).has_value();
    EXPECT_FALSE(is_open(descriptor));
    return adopted ? "" : problem;
}

TEST(Segment, BytesWrittenByTheCreatorAreReadByTheReceiver) {
    std::optional<Segment> created = Segment::create(10000);
    ASSERT_TRUE(created);
    std::memcpy(created->bytes().data() + 9990, "the tail", 8);
    std::string problem;
    const std::optional<Segment> adopted = Segment::adopt(dup(created->descriptor()), 10000, problem);
    ASSERT_TRUE(adopted) << problem;
    EXPECT_EQ(adopted->bytes().size(), 10000U);
    EXPECT_EQ(std::memcmp(adopted->bytes().data() + 9990, "the tail", 8), 0);
    EXPECT_EQ(adopted->descriptor(), -1);
}

TEST(Segment, SizeAndSealsCannotBeChanged) {
    const std::optional<Segment> segment = Segment::create(8192);
    ASSERT_TRUE(segment);
    EXPECT_EQ(fcntl(segment->descriptor(), F_GET_SEALS), kAllSeals);
    EXPECT_NE(ftruncate(segment->descriptor(), 0), 0);
    EXPECT_EQ(errno, EPERM);
    EXPECT_NE(fcntl(segment->descriptor(), F_ADD_SEALS, F_SEAL_WRITE), 0);
    EXPECT_NE(fcntl(segment->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Segment, AnEmptySegmentCannotBeCreated) {
    EXPECT_FALSE(Segment::create(0));
    EXPECT_EQ(errno, EINVAL);
}

TEST(Segment, MovingLeavesNothingBehind) {
    std::optional<Segment> first = Segment::create(100);
    ASSERT_TRUE(first);
    const int descriptor = first->descriptor();
    {
        const Segment second = std::move(*first);
        EXPECT_FALSE(*first);
        EXPECT_EQ(second.descriptor(), descriptor);
    }
    EXPECT_FALSE(is_open(descriptor));
}

TEST(Segment, RefusesWhatMayChangeItsSize) {
    EXPECT_EQ(refusal(memory_file(4096, 0)), "segment refused: not sealed");
    EXPECT_EQ(refusal(memory_file(4096, F_SEAL_SHRINK)), "segment refused: not sealed");
    EXPECT_EQ(refusal(memory_file(4096, F_SEAL_SHRINK | F_SEAL_GROW)), "segment refused: not sealed");
    EXPECT_EQ(refusal(memory_file(4096, kAllSeals)), "");
}

TEST(Segment, RefusesWhatIsNoMemoryFile) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(refusal(ends[0]), "segment refused: not a memfd");
    close(ends[1]);
    EXPECT_EQ(refusal(open("/dev/null", O_RDONLY | O_CLOEXEC)), "segment refused: not a memfd");
}

TEST(Segment, RefusesPagesThatDoNotExistYet) {
    const int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(ftruncate(descriptor, 1 << 16), 0);
    ASSERT_EQ(fcntl(descriptor, F_ADD_SEALS, kAllSeals), 0);
    EXPECT_EQ(refusal(descriptor), "segment refused: not allocated in full");
}

TEST(Segment, RefusesMoreThanTheLimit) {
    EXPECT_EQ(refusal(memory_file(8192, kAllSeals), 8192), "");
    EXPECT_EQ(refusal(memory_file(8193, kAllSeals), 8192), "segment refused: 8193 bytes exceed the limit of 8192");
}

TEST(Segment, RefusesAnEmptyFile) {
    const int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(fcntl(descriptor, F_ADD_SEALS, kAllSeals), 0);
    EXPECT_EQ(refusal(descriptor), "segment refused: empty");
}

}  // namespace
}  // namespace tensile::protocol
