// A file descriptor with an owner. Knows nothing of what it refers to.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tensile::protocol {

// Move-only; closes on destruction and leaves errno as it was.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ < 0) return;
        const int saved = errno;
        close(value_);
        errno = saved;
    }

    int get() const { return value_; }
    int release() { return std::exchange(value_, -1); }
    explicit operator bool() const { return value_ >= 0; }

  private:
    int value_ = -1;
};

}  // namespace tensile::protocol
