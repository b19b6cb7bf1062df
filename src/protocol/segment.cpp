// Memfd segments: creation, sealing and the checks a receiver makes before it maps one.
#include "protocol/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "protocol/descriptor.h"

namespace tensile::protocol {

namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::string with_errno(const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
}

}  // namespace

Segment::Segment(Segment&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

Segment& Segment::operator=(Segment&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

Segment::~Segment() {
    if (data_ != nullptr) munmap(data_, size_);
    if (descriptor_ >= 0) close(descriptor_);
}

std::optional<Segment> Segment::create(std::size_t bytes) {
    if (bytes == 0) {
        errno = EINVAL;
        return std::nullopt;
    }
    Descriptor memory(memfd_create("tensile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (memory.get() < 0) return std::nullopt;
    int status = 0;
    do {
        status = fallocate(memory.get(), 0, 0, static_cast<off_t>(bytes));
    } while (status != 0 && errno == EINTR);
    if (status != 0 || fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return std::nullopt;
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    if (data == MAP_FAILED) return std::nullopt;
    Segment segment;
    segment.data_ = static_cast<std::byte*>(data);
    segment.size_ = bytes;
    segment.descriptor_ = memory.release();
    return segment;
}

std::optional<Segment> Segment::adopt(int descriptor, std::size_t limit, std::string& problem) {
    const Descriptor memory(descriptor);
    const auto refuse = [&](std::string reason) {
        problem = "segment refused: " + std::move(reason);
        return std::nullopt;
    };
    struct stat status {};
    if (fstat(memory.get(), &status) != 0) return refuse(with_errno("cannot stat"));
    const int seals = fcntl(memory.get(), F_GET_SEALS);
    if (seals < 0) return refuse("not a memfd");
    if ((seals & kSeals) != kSeals) return refuse("not sealed");
    if (status.st_size <= 0) return refuse("empty");
    const auto bytes = static_cast<std::size_t>(status.st_size);
    if (bytes > limit) return refuse(std::to_string(bytes) + " bytes exceed the limit of " + std::to_string(limit));
    if (static_cast<std::uint64_t>(status.st_blocks) * 512 < bytes) return refuse("not allocated in full");
    void* data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, memory.get(), 0);
    if (data == MAP_FAILED) return refuse(with_errno("cannot map"));
    Segment segment;
    segment.data_ = static_cast<std::byte*>(data);
    segment.size_ = bytes;
    return segment;
}

}  // namespace tensile::protocol
