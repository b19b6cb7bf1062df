// See stop.h.
#include "models/stop.h"

#include "tensor/error.h"

namespace tensile {

void throw_if_stopped(const std::atomic<bool>* stop) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed))
        throw Error(sqlstate::kQueryCanceled, "canceling work on a model due to a stop request");
}

}  // namespace tensile
