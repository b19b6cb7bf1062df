// A job's host copies in the pinned arena: the tier between device memory and spill files.
#pragma once

#include <cstring>
#include <utility>

#include "memory/host_store.h"
#include "memory/pinned_arena.h"
#include "tensor/error.h"

namespace tensile {

class PinnedStore final : public HostStore {
  public:
    explicit PinnedStore(HostBuffer range) : range_(std::move(range)) {}

    std::uint64_t bytes() const override { return range_.bytes(); }
    std::byte* memory() override { return range_.data(); }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        check(offset, from.size());
        std::memcpy(range_.data() + offset, from.data(), from.size());
    }
    void read(std::uint64_t offset, std::span<std::byte> to) override {
        check(offset, to.size());
        std::memcpy(to.data(), range_.data() + offset, to.size());
    }

  private:
    void check(std::uint64_t offset, std::uint64_t bytes) const {
        if (offset > range_.bytes() || bytes > range_.bytes() - offset)
            throw InternalError("a transfer lies outside its range of the pinned arena");
    }
    HostBuffer range_;
};

}  // namespace tensile
