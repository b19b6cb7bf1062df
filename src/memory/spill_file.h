// The host tier of the CPU device: nameless files on disk, one a job, that hold what its plan moves out of the tensor
// pool.
//
// A file takes its whole space when it is made, so that a job that was admitted does not find the disk full in the
// middle; its space comes back when the job lets go of it, or with the process, however that ends. I/O goes past the
// page cache (O_DIRECT): through it, swapping would save no memory. On file systems that refuse that, pages are written
// back and dropped piece by piece. Knows no jobs and no plans.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "memory/host_store.h"

namespace tensile {

class SpillFile;

// The directory and the cap for all spill files of the engine. Thread-safe; outlives its files.
class SpillSpace {
  public:
    // A limit of 0 turns swapping off.
    SpillSpace(std::string directory, std::uint64_t limit);

    // A file of `bytes` (rounded up to kCopyAlignment). Errors: 53400 when they exceed the limit, 53000 when the other
    // files leave too little of it, 53100 when the disk is full, 58030 when the file cannot be made.
    std::unique_ptr<SpillFile> create(std::uint64_t bytes);

    // For files made from now on.
    void configure(std::string directory, std::uint64_t limit);
    std::uint64_t limit() const { return limit_.load(); }
    std::uint64_t used() const { return used_.load(); }

  private:
    friend class SpillFile;
    std::string directory() const;
    void charge(std::uint64_t bytes);

    mutable std::mutex mutex_;
    std::string directory_;  // guarded by mutex_
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
