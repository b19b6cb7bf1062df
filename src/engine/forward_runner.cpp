// See forward_runner.h.
#include "engine/forward_runner.h"

#include <algorithm>

#include "engine/batch_predictor.h"

namespace tensile {

void ContextRunner::run(std::int64_t rows, const Fill& fill, const Take& take) {
    if (stream_ == nullptr) stream_ = device_.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    for (std::int64_t begin = 0; begin < rows;) {
        ContextLease context = model_->borrow(rows - begin, &stop_);
        const std::int64_t count = std::min(rows - begin, context.capacity());
        fill(begin, count, context.inputs());
        if (context.run(*stream_, count, &stop_) == LaunchStatus::kStopped) throw_stopped();
        take(begin, count, context.outputs());
        begin += count;
    }
}

}  // namespace tensile
