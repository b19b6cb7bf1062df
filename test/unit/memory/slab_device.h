// A device that has address space and nothing else: what the tensor pool's tests need of one.
#pragma once

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "device/device.h"
#include "tensor/error.h"

namespace tensile {

class SlabDevice final : public Device {
  public:
    const DeviceProperties& properties() const override { return properties_; }
    bool supports(const Op&, DType) const override { return false; }
    std::unique_ptr<Executable> lower(const Program&, const LoweringOptions&) override {
        throw InternalError("this device runs nothing");
    }
    std::unique_ptr<Stream> create_stream(StreamClass, StreamPriority) override {
        throw InternalError("this device runs nothing");
    }
    std::byte* reserve_slab(std::size_t bytes) override {
        reserved_ = bytes;
        slab_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{4096})));
        return slab_.get();
    }
    void discard(std::byte* begin, std::size_t bytes) override {
        if (begin < slab_.get() || begin + bytes > slab_.get() + reserved_) std::abort();
        discarded_ += bytes;
    }
    void set_threads(int) override {}
    int threads() const override { return 1; }

    std::size_t reserved_bytes() const { return reserved_; }
    std::uint64_t discarded_bytes() const { return discarded_; }
    const std::byte* slab() const { return slab_.get(); }

  private:
    struct Free {
        void operator()(std::byte* slab) const { ::operator delete (slab, std::align_val_t{4096}); }
    };
    DeviceProperties properties_{"slab", "none", "none"};
    std::unique_ptr<std::byte, Free> slab_;
    std::size_t reserved_ = 0;
    std::atomic<std::uint64_t> discarded_{0};
};

}  // namespace tensile
