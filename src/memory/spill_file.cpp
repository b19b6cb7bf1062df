// Nameless files by O_TMPFILE or unlink, and I/O past the page cache; see spill_file.h.
#include "memory/spill_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "memory/byte_size.h"
#include "planner/plan.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
// Who waits for space looks again this often, since nobody says that a stop flag was set.
constexpr std::chrono::milliseconds kLookAgain{100};

[[noreturn]] void fail_io(const std::string& action, int error) {
    throw Error(error == ENOSPC || error == EDQUOT ? sqlstate::kDiskFull : sqlstate::kIoError,
                "could not " + action + " spill file", std::string(std::strerror(error)) + ".");
}

[[noreturn]] void fail_open(const std::string& directory, int error) {
    throw Error(sqlstate::kIoError, "could not create spill file in directory \"" + directory + "\"",
                std::string(std::strerror(error)) + ".",
                "Set \"tensile.spill_directory\" to a directory that the server may write to.");
}

// Without O_TMPFILE a name exists for a moment.
int open_unlinked(const std::string& directory) {
    const std::string pattern = directory + "/tensile-spill-XXXXXX";
    std::vector<char> name(pattern.begin(), pattern.end());
    name.push_back('\0');
    const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor >= 0) ::unlink(name.data());
    return descriptor;
}

bool set_direct(int descriptor, bool direct) {
    const int flags = ::fcntl(descriptor, F_GETFL);
    return flags >= 0 && ::fcntl(descriptor, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

}  // namespace

SpillSpace::SpillSpace(std::string directory, std::uint64_t limit) : directory_(std::move(directory)), limit_(limit) {}

void SpillSpace::configure(std::string directory, std::uint64_t limit) {
    const Lock lock(mutex_);
    directory_ = std::move(directory);
    limit_ = limit;
    changed_.notify_all();
}

void SpillSpace::require(std::uint64_t bytes) const {
    const std::uint64_t limit = limit_.load();
    if (bytes <= limit) return;
    throw Error(
        sqlstate::kConfigurationLimitExceeded, "spill space is too small",
        format_bytes(bytes) + " are needed, but the limit is " + format_bytes(limit) + ".",
        "Set \"tensile.spill_limit\" to at least \"" + setting_of_bytes(bytes) + "\", or raise \"tensile.pool_size\".");
}

// A request's place in the line; left on destruction. Both under the lock.
class SpillSpace::Place {
  public:
    explicit Place(SpillSpace& space) : space_(space), ticket_(space.next_ticket_++) { space.line_.insert(ticket_); }
    ~Place() {
        space_.line_.erase(ticket_);
        space_.changed_.notify_all();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    bool is_first() const { return *space_.line_.begin() == ticket_; }

  private:
    SpillSpace& space_;
    const std::uint64_t ticket_;
};

// Returns with the lock, and the bytes to be had.
void SpillSpace::wait_in_line(std::uint64_t bytes, std::optional<std::chrono::milliseconds> timeout,
                              const StopFlag* stop, Lock& lock) {
    const auto since = Clock::now();
    const Place place(*this);
    for (;;) {
        if (stop != nullptr && stop->load())
            throw Error(sqlstate::kQueryCanceled, "canceling wait for spill space due to a stop request");
        require(bytes);
        const std::uint64_t limit = limit_.load();
        if (place.is_first() && used_.load() <= limit - bytes) return;
        auto until = Clock::now() + kLookAgain;
        if (timeout) {
            if (Clock::now() >= since + *timeout)
                throw Error(sqlstate::kInsufficientResources,
                            timeout->count() == 0 ? "not enough free spill space" : "timed out waiting for spill space",
                            format_bytes(bytes) + " are needed; " + format_bytes(used_.load()) + " of " +
                                format_bytes(limit) + " are in use.",
                            "Try again when other work has finished, or raise \"tensile.spill_limit\" or "
                            "\"tensile.queue_timeout\".");
            until = std::min(until, since + *timeout);
        }
        changed_.wait_until(lock, until);
    }
}

std::unique_ptr<SpillFile> SpillSpace::create(std::uint64_t bytes, std::optional<std::chrono::milliseconds> timeout,
                                              const StopFlag* stop) {
    bytes = aligned_size(bytes, kCopyAlignment);
    Lock lock(mutex_);
    wait_in_line(bytes, timeout, stop, lock);
    used_ += bytes;
    return open_file(bytes, std::move(lock));
}

std::unique_ptr<SpillFile> SpillSpace::try_create(std::uint64_t bytes) {
    bytes = aligned_size(bytes, kCopyAlignment);
    Lock lock(mutex_);
    require(bytes);
    if (!line_.empty() || used_.load() > limit_.load() - bytes) return nullptr;
    used_ += bytes;
    return open_file(bytes, std::move(lock));
}

std::unique_ptr<SpillFile> SpillSpace::open_file(std::uint64_t bytes, Lock lock) {
    std::unique_ptr<SpillFile> file;
    std::string directory;
    try {
        directory = directory_;
        lock.unlock();
        file.reset(new SpillFile(*this, bytes));
    } catch (...) {
        if (lock) lock.unlock();
        give_back(bytes);
        throw;
    }
    file->open(directory);
    file->take_space();
    file->probe_direct_io();
    return file;
}

void SpillSpace::give_back(std::uint64_t bytes) noexcept {
    const Lock lock(mutex_);
    used_ -= bytes;
    changed_.notify_all();
}

SpillFile::~SpillFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    space_.give_back(bytes_);
}

void SpillFile::open(const std::string& directory) {
    descriptor_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, kOwnerOnly);
    // Kernels and file systems that do not know O_TMPFILE take it for O_DIRECTORY.
    if (descriptor_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        descriptor_ = open_unlinked(directory);
    if (descriptor_ < 0) fail_open(directory, errno);
}

void SpillFile::take_space() {
    if (bytes_ == 0) return;
    const auto size = static_cast<off_t>(bytes_);
    int result = 0;
    do
        result = ::fallocate(descriptor_, 0, 0, size);
    while (result != 0 && errno == EINTR);
    if (result == 0) return;
    if (errno != EOPNOTSUPP) fail_io("allocate space for", errno);
    // A full disk is then noticed by the write that meets it.
    if (::ftruncate(descriptor_, size) != 0) fail_io("allocate space for", errno);
}

// Some file systems accept the flag and refuse the first transfer.
void SpillFile::probe_direct_io() {
    is_direct_ = set_direct(descriptor_, true);
    if (!is_direct_ || bytes_ == 0) return;
    alignas(kCopyAlignment) static constexpr std::byte kPage[kCopyAlignment] = {};
    if (::pwrite(descriptor_, kPage, sizeof kPage, 0) == static_cast<ssize_t>(sizeof kPage)) return;
    if (errno != EINVAL) fail_io("write", errno);
    is_direct_ = false;
    if (!set_direct(descriptor_, false)) fail_io("open", errno);
}

void SpillFile::check(std::uint64_t offset, std::uint64_t bytes) const {
    if (offset % kCopyAlignment != 0 || bytes % kCopyAlignment != 0 || offset > bytes_ || bytes > bytes_ - offset)
        throw InternalError("a transfer lies outside its spill file");
}

void SpillFile::write(std::uint64_t offset, std::span<const std::byte> from) {
    check(offset, from.size());
    const auto begin = static_cast<off_t>(offset);
    const auto length = static_cast<off_t>(from.size());
    for (off_t position = begin; !from.empty();) {
        const ssize_t written = ::pwrite(descriptor_, from.data(), from.size(), position);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_io("write", errno);
        if (written == 0) fail_io("write", EIO);
        from = from.subspan(static_cast<std::size_t>(written));
        position += written;
    }
    if (is_direct_) return;
    // Dirty pages cannot be dropped, so they are written back first.
    if (::sync_file_range(descriptor_, begin, length,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) != 0 &&
        errno != ESPIPE && errno != EINVAL && errno != ENOSYS)
        fail_io("write", errno);
    ::posix_fadvise(descriptor_, begin, length, POSIX_FADV_DONTNEED);
}

void SpillFile::read(std::uint64_t offset, std::span<std::byte> to) {
    check(offset, to.size());
    const auto begin = static_cast<off_t>(offset);
    const auto length = static_cast<off_t>(to.size());
    for (off_t position = begin; !to.empty();) {
        const ssize_t got = ::pread(descriptor_, to.data(), to.size(), position);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_io("read", errno);
        if (got == 0) fail_io("read", EIO);
        to = to.subspan(static_cast<std::size_t>(got));
        position += got;
    }
    if (!is_direct_) ::posix_fadvise(descriptor_, begin, length, POSIX_FADV_DONTNEED);
}

}  // namespace tensile
