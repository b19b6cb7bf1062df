// The host tier of the CPU device: nameless files on disk, one a job, that hold what its plan moves out of the tensor
// pool.
//
// A file takes its whole space when it is made, so that a job that was admitted does not find the disk full in the
// middle; its space comes back when the job lets go of it, or with the process, however that ends. I/O goes past the
// page cache (O_DIRECT): through it, swapping would save no memory. On file systems that refuse that, pages are written
// back and dropped piece by piece. Knows no jobs and no plans.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "device/device.h"
#include "memory/host_store.h"

namespace tensile {

class SpillFile;

// The directory and the cap for all spill files of the engine. Thread-safe; outlives its files.
class SpillSpace {
  public:
    // A limit of 0 turns swapping off.
    SpillSpace(std::string directory, std::uint64_t limit);

    // A file of `bytes` (rounded up to kCopyAlignment). Waits in arrival order until the other files leave enough of
    // the limit; without a timeout for ever. Who waits must hold nothing that others need to end. Errors: 53400 when
    // the bytes exceed the limit, 53000 when the timeout has passed, 57014 when `stop` was set (noticed within a tenth
    // of a second), 53100 when the disk is full, 58030 when the file cannot be made.
    std::unique_ptr<SpillFile> create(std::uint64_t bytes, std::optional<std::chrono::milliseconds> timeout,
                                      const StopFlag* stop);
    // What create() would make without waiting; null where it would wait. The other errors are the same.
    std::unique_ptr<SpillFile> try_create(std::uint64_t bytes);

    // Throws Error 53400 when `bytes` exceed the limit.
    void require(std::uint64_t bytes) const;

    // For files made from now on.
    void configure(std::string directory, std::uint64_t limit);
    std::uint64_t limit() const { return limit_.load(); }
    std::uint64_t used() const { return used_.load(); }

  private:
    friend class SpillFile;
    using Lock = std::unique_lock<std::mutex>;
    class Place;
    void wait_in_line(std::uint64_t bytes, std::optional<std::chrono::milliseconds> timeout, const StopFlag* stop,
                      Lock& lock);
    // Its bytes are charged already; the lock is let go.
    std::unique_ptr<SpillFile> open_file(std::uint64_t bytes, Lock lock);
    void give_back(std::uint64_t bytes) noexcept;

    std::mutex mutex_;  // held where anything of what follows changes
    std::condition_variable changed_;
    std::string directory_;
    std::set<std::uint64_t> line_;  // tickets of requests, given out in the order of arrival
    std::uint64_t next_ticket_ = 0;
    std::atomic<std::uint64_t> limit_;
    std::atomic<std::uint64_t> used_{0};
};

class SpillFile final : public HostStore {
  public:
    ~SpillFile() override;
    SpillFile(const SpillFile&) = delete;
    SpillFile& operator=(const SpillFile&) = delete;

    std::uint64_t bytes() const override { return bytes_; }
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void read(std::uint64_t offset, std::span<std::byte> to) override;
    // False where the file system has no direct I/O.
    bool is_direct() const { return is_direct_; }

  private:
    friend class SpillSpace;
    // Charged already; gives the charge back on destruction.
    SpillFile(SpillSpace& space, std::uint64_t bytes) : space_(space), bytes_(bytes) {}
    void open(const std::string& directory);
    void take_space();
    void probe_direct_io();
    void check(std::uint64_t offset, std::uint64_t bytes) const;

    SpillSpace& space_;
    std::uint64_t bytes_;
    int descriptor_ = -1;
    bool is_direct_ = true;
};

}  // namespace tensile
