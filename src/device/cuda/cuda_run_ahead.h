// Keeps the host from running further ahead of a stream than a stop flag may wait: what is enqueued cannot be taken
// back, so only a few milliseconds of work are enqueued at a time.
#pragma once

#include <array>
#include <memory>

#include "device/cuda/cuda_event.h"

namespace tensile {

class CudaRunAhead {
  public:
    explicit CudaRunAhead(const std::shared_ptr<const CudaContext>& context);

    // Work of `seconds` has been enqueued on the stream; waits until not more than kMostSeconds are under way, not
    // counting the last piece. Expected seconds are rather too many (see CudaOp), so less is under way in truth.
    void note(Stream& stream, double seconds);

    static constexpr double kMostSeconds = 8e-3;

  private:
    static constexpr std::size_t kMarks = 4;
    std::array<std::unique_ptr<CudaEvent>, kMarks> marks_;
    std::size_t next_ = 0;
    double since_mark_ = 0;  // seconds
};

}  // namespace tensile
