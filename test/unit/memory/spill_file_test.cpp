// Spill files keep what is written to them, respect the limit, leave no name and no space behind, and say what is
// wrong.
#include "memory/spill_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "planner/plan.h"
#include "tensor/error.h"

namespace tensile {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

struct Free {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{kCopyAlignment}); }
};

// Memory that may take part in direct I/O.
struct Buffer {
    explicit Buffer(std::size_t size, int seed = 0)
        : bytes(size), memory(static_cast<std::byte*>(::operator new (size, std::align_val_t{kCopyAlignment}))) {
        for (std::size_t i = 0; i < size; ++i)
            memory.get()[i] = static_cast<std::byte>((i * 31 + i / 4096 + static_cast<std::size_t>(seed) * 7) & 0xFF);
    }
    std::span<std::byte> span() const { return {memory.get(), bytes}; }
    bool operator==(const Buffer& other) const {
        return bytes == other.bytes && std::memcmp(memory.get(), other.memory.get(), bytes) == 0;
    }
    std::size_t bytes;
    std::unique_ptr<std::byte, Free> memory;
};

class TemporaryDirectory {
  public:
    explicit TemporaryDirectory(const std::string& parent = ::testing::TempDir()) {
        std::string pattern = parent + "/spill-test-XXXXXX";
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    std::string path() const { return path_.string(); }
    bool is_empty() const { return std::filesystem::is_empty(path_); }

  private:
    std::filesystem::path path_;
};

std::string sqlstate_of(SpillSpace& space, std::uint64_t bytes) {
    try {
        space.create(bytes);
    } catch (const Error& error) {
        EXPECT_FALSE(error.detail().empty());
        EXPECT_FALSE(error.hint().empty());
        return error.sqlstate();
    }
    return "";
}

void round_trip(const std::string& directory) {
    SpillSpace space(directory, 16 * kMegabyte);
    const auto file = space.create(5 * kMegabyte);
    const Buffer first(3 * kMegabyte + 4096, 1);
    const Buffer second(kMegabyte, 2);
    write_pieces(*file, 0, first.span());
    write_pieces(*file, 4 * kMegabyte, second.span());
    const Buffer got_first(first.bytes, 3);
    const Buffer got_second(second.bytes, 3);
    read_pieces(*file, 0, got_first.span());
    read_pieces(*file, 4 * kMegabyte, got_second.span());
    EXPECT_EQ(got_first, first);
    EXPECT_EQ(got_second, second);
}

TEST(SpillFile, KeepsWhatIsWritten) {
    const TemporaryDirectory directory;
    round_trip(directory.path());
}

// Memory file systems and others refuse direct I/O or nameless files, or both.
TEST(SpillFile, WorksOnAMemoryFileSystem) {
    if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "there is no memory file system";
    const TemporaryDirectory directory("/dev/shm");
    round_trip(directory.path());
    EXPECT_TRUE(directory.is_empty());
}

TEST(SpillFile, SpaceIsChargedAndGivenBackAndHasNoName) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), 8 * kMegabyte);
    {
        const auto one = space.create(3 * kMegabyte + 1);
        EXPECT_EQ(one->bytes(), 3 * kMegabyte + 4096);
        EXPECT_EQ(space.used(), 3 * kMegabyte + 4096);
        EXPECT_TRUE(directory.is_empty());
        const auto other = space.create(4 * kMegabyte);
        EXPECT_EQ(space.used(), 7 * kMegabyte + 4096);
        EXPECT_EQ(sqlstate_of(space, kMegabyte), sqlstate::kInsufficientResources);
        EXPECT_EQ(space.used(), 7 * kMegabyte + 4096) << "a refusal changes nothing";
    }
    EXPECT_EQ(space.used(), 0U);
}

TEST(SpillFile, TheLimitAppliesToNewFiles) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), kMegabyte);
    EXPECT_EQ(sqlstate_of(space, 2 * kMegabyte), sqlstate::kConfigurationLimitExceeded);
    const auto one = space.create(kMegabyte);
    space.configure(directory.path(), 0);
    EXPECT_EQ(sqlstate_of(space, 4096), sqlstate::kConfigurationLimitExceeded);
    space.configure(directory.path(), 4 * kMegabyte);
    EXPECT_NO_THROW(space.create(3 * kMegabyte));
    EXPECT_EQ(space.used(), kMegabyte);
}

TEST(SpillFile, ADirectoryThatIsMissingIsAnError) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path() + "/missing", kMegabyte);
    EXPECT_EQ(sqlstate_of(space, 4096), sqlstate::kIoError);
    EXPECT_EQ(space.used(), 0U);
}

TEST(SpillFile, MoreThanTheDiskHoldsIsAFullDisk) {
    const TemporaryDirectory directory;
    // Less than any file system's largest file, more than any disk's free space.
    const auto free = std::filesystem::space(directory.path()).available;
    SpillSpace space(directory.path(), ~std::uint64_t{0} / 4);
    try {
        space.create(free + (std::uint64_t{1} << 30));
        GTEST_SKIP() << "this file system promises more than it has";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kDiskFull);
    }
    EXPECT_EQ(space.used(), 0U);
}

TEST(SpillFile, TransfersOutsideAreADefect) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), kMegabyte);
    const auto file = space.create(8192);
    const Buffer buffer(8192);
    EXPECT_THROW(file->write(4096, buffer.span()), InternalError);
    EXPECT_THROW(file->read(12288, buffer.span()), InternalError);
    EXPECT_THROW(file->read(0, buffer.span().first(100)), InternalError);
}

TEST(SpillFile, ReadingAndWritingAtOnce) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), 16 * kMegabyte);
    const auto file = space.create(8 * kMegabyte);
    const Buffer left(4 * kMegabyte, 1);
    const Buffer right(4 * kMegabyte, 2);
    const Buffer got(4 * kMegabyte, 3);
    write_pieces(*file, 0, left.span());
    {
        const std::jthread writer([&] { write_pieces(*file, 4 * kMegabyte, right.span()); });
        read_pieces(*file, 0, got.span());
    }
    EXPECT_EQ(got, left);
    read_pieces(*file, 4 * kMegabyte, got.span());
    EXPECT_EQ(got, right);
}

}  // namespace
}  // namespace tensile
