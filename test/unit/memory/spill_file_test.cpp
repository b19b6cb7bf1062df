// Spill files keep what is written to them, respect the limit, leave no name and no space behind, and say what is
// wrong.
#include "memory/spill_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
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

std::unique_ptr<SpillFile> create(SpillSpace& space, std::uint64_t bytes) {
    return space.create(bytes, std::chrono::milliseconds(0), nullptr);
}

std::string sqlstate_of(SpillSpace& space, std::uint64_t bytes) {
    try {
        create(space, bytes);
    } catch (const Error& error) {
        EXPECT_FALSE(error.detail().empty());
        EXPECT_FALSE(error.hint().empty());
        return error.sqlstate();
    }
    return "";
}

void round_trip(const std::string& directory) {
    SpillSpace space(directory, 16 * kMegabyte);
    const auto file = create(space, 5 * kMegabyte);
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
        const auto one = create(space, 3 * kMegabyte + 1);
        EXPECT_EQ(one->bytes(), 3 * kMegabyte + 4096);
        EXPECT_EQ(space.used(), 3 * kMegabyte + 4096);
        EXPECT_TRUE(directory.is_empty());
        const auto other = create(space, 4 * kMegabyte);
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
    const auto one = create(space, kMegabyte);
    space.configure(directory.path(), 0);
    EXPECT_EQ(sqlstate_of(space, 4096), sqlstate::kConfigurationLimitExceeded);
    space.configure(directory.path(), 4 * kMegabyte);
    EXPECT_NO_THROW(create(space, 3 * kMegabyte));
    EXPECT_EQ(space.used(), kMegabyte);
}

// Two requests wait, of which the younger would fit at once; each gets its file when the one before it has.
TEST(SpillFile, RequestsWaitInTheOrderOfArrival) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), 4 * kMegabyte);
    auto held = create(space, 3 * kMegabyte);
    EXPECT_EQ(space.try_create(2 * kMegabyte), nullptr);
    std::vector<int> order;
    std::mutex mutex;
    std::atomic<int> begun{0};
    const auto wait = [&](int number, std::uint64_t bytes) {
        ++begun;
        const auto file = space.create(bytes, std::nullopt, nullptr);
        const std::scoped_lock lock(mutex);
        order.push_back(number);
    };
    std::jthread older(wait, 1, 4 * kMegabyte);
    // A file of all that is left can be had until the older request is in line.
    while (space.try_create(kMegabyte) != nullptr)
        std::this_thread::yield();
    std::jthread younger(wait, 2, kMegabyte);
    while (begun < 2)
        std::this_thread::yield();
    {
        const std::scoped_lock lock(mutex);
        EXPECT_TRUE(order.empty());
    }
    held.reset();
    older.join();
    younger.join();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    EXPECT_EQ(space.used(), 0U);
}

TEST(SpillFile, AWaitEndsWithItsStopFlag) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), kMegabyte);
    const auto held = create(space, kMegabyte);
    StopFlag stop{false};
    std::jthread stopper([&] { stop = true; });
    try {
        space.create(kMegabyte, std::nullopt, &stop);
        FAIL() << "there was no space";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kQueryCanceled);
    }
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
        create(space, free + (std::uint64_t{1} << 30));
        GTEST_SKIP() << "this file system promises more than it has";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kDiskFull);
    }
    EXPECT_EQ(space.used(), 0U);
}

TEST(SpillFile, TransfersOutsideAreADefect) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), kMegabyte);
    const auto file = create(space, 8192);
    const Buffer buffer(8192);
    EXPECT_THROW(file->write(4096, buffer.span()), InternalError);
    EXPECT_THROW(file->read(12288, buffer.span()), InternalError);
    EXPECT_THROW(file->read(0, buffer.span().first(100)), InternalError);
}

TEST(SpillFile, ReadingAndWritingAtOnce) {
    const TemporaryDirectory directory;
    SpillSpace space(directory.path(), 16 * kMegabyte);
    const auto file = create(space, 8 * kMegabyte);
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
