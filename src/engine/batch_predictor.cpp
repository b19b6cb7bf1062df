// The prediction loop.
#include "engine/batch_predictor.h"

#include <algorithm>

#include "engine/served_model.h"
#include "tensor/error.h"

namespace tensile {

void throw_stopped() {
    throw Error(sqlstate::kQueryCanceled, "work in the tensile engine was stopped");
}

void BatchPredictor::run(LoadedModel& model, const RawRows& rows, std::span<const int> binding,
                         PredictionColumns& result) {
    if (stream_ == nullptr) stream_ = device_.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    const Predictor& predictor = predictor_of(model);
    for (std::int64_t begin = 0; begin < rows.count;) {
        ContextLease context = model.borrow(rows.count - begin, &stop_);
        const std::int64_t count = std::min(rows.count - begin, context.capacity());
        predictor.encode(rows, binding, begin, begin + count, context.inputs());
        if (context.run(*stream_, count, &stop_) == LaunchStatus::kStopped) throw_stopped();
        predictor.decode(context.outputs(), count, result);
        begin += count;
    }
}

}  // namespace tensile
