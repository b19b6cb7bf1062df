#include "support/fake_memory.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace tensile::testing {

namespace {

constexpr std::size_t kAlignment = std::size_t{2} << 20;

}  // namespace

FakeMemory::FakeMemory(std::size_t bytes)
    : bytes_(bytes),
      reserved_bytes_(bytes + kAlignment),
      reserved_(mmap(nullptr, reserved_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
      content_(new std::byte[bytes]) {
    if (reserved_ == MAP_FAILED) throw std::bad_alloc();
    const auto begin = reinterpret_cast<std::uintptr_t>(reserved_);
    std::memset(content_.get(), 0xFF, bytes);
    address_ = static_cast<std::byte*>(reserved_) + ((kAlignment - begin % kAlignment) % kAlignment);
}

FakeMemory::~FakeMemory() {
    munmap(reserved_, reserved_bytes_);
}

bool FakeMemory::contains(const void* address) const {
    const auto* byte = static_cast<const std::byte*>(address);
    return byte >= address_ && byte < address_ + bytes_;
}

std::byte* FakeMemory::behind(const void* address, std::size_t bytes) const {
    if (!contains(address)) return nullptr;
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) - address_);
    return bytes <= bytes_ - offset ? content_.get() + offset : nullptr;
}

}  // namespace tensile::testing
