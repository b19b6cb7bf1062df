// Memory of a GPU that tests do not have: addresses that nobody can read or write, and the bytes behind them, which
// only the fake plug-in reaches. A host access to "device" memory ends the test with a segmentation fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tensile::testing {

class FakeMemory {
  public:
    // The bytes start as rubbish: NaNs, seen as floats.
    explicit FakeMemory(std::size_t bytes);
    ~FakeMemory();
    FakeMemory(const FakeMemory&) = delete;
    FakeMemory& operator=(const FakeMemory&) = delete;

    // 2 MiB aligned.
    void* address() const { return address_; }
    bool contains(const void* address) const;
    // The bytes behind [address, address + bytes); null when they are not all here.
    std::byte* behind(const void* address, std::size_t bytes) const;

  private:
    std::size_t bytes_;
    std::size_t reserved_bytes_;
    void* reserved_;
    std::byte* address_;
    std::unique_ptr<std::byte[]> content_;
};

}  // namespace tensile::testing
