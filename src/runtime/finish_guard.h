// Waiting for what a run has enqueued when it does not complete: what is enqueued cannot be taken back, and memory is
// free only when nothing uses it.
#pragma once

#include "device/device.h"

namespace tensile {

// Where an error is on its way already.
inline void finish(Stream& stream) noexcept {
    try {
        stream.synchronize();
    } catch (...) {
        // A stream that has failed runs nothing any more.
    }
}

class FinishUnlessDone {
  public:
    explicit FinishUnlessDone(Stream& stream) : stream_(stream) {}
    ~FinishUnlessDone() {
        if (!is_done_) finish(stream_);
    }
    FinishUnlessDone(const FinishUnlessDone&) = delete;
    FinishUnlessDone& operator=(const FinishUnlessDone&) = delete;
    void done() { is_done_ = true; }

  private:
    Stream& stream_;
    bool is_done_ = false;
};

}  // namespace tensile
