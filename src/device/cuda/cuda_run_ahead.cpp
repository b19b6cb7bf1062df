#include "device/cuda/cuda_run_ahead.h"

namespace tensile {

CudaRunAhead::CudaRunAhead(const std::shared_ptr<const CudaContext>& context) {
    for (auto& mark : marks_)
        mark = std::make_unique<CudaEvent>(context);
}

void CudaRunAhead::note(Stream& stream, double seconds) {
    since_mark_ += seconds;
    if (since_mark_ < kMostSeconds / kMarks) return;
    // The oldest mark: all others and what follows the newest are under way.
    marks_[next_]->wait();
    stream.record(*marks_[next_]);
    next_ = (next_ + 1) % kMarks;
    since_mark_ = 0;
}

}  // namespace tensile
