#include "device/cuda/cuda_stream.h"

#include "device/cuda/cuda_event.h"
#include "device/cuda/cuda_executable.h"

namespace tensile {

namespace {

// A graph cannot be stopped: as many ops as are expected to end within this, at most.
constexpr double kGraphSeconds = 2e-3;
// Fewer ops are as cheap by themselves.
constexpr std::size_t kFewestOpsOfGraph = 4;

std::int32_t plugin_class(StreamClass stream_class) {
    switch (stream_class) {
    case StreamClass::kCopyIn:
        return TENSILE_COPY_IN;
    case StreamClass::kCopyOut:
        return TENSILE_COPY_OUT;
    case StreamClass::kCompute:
        break;
    }
    return TENSILE_COMPUTE;
}

bool stop_requested(const LaunchContext& context) {
    return context.stop != nullptr && context.stop->load(std::memory_order_relaxed);
}

}  // namespace

CudaStream::CudaStream(std::shared_ptr<const CudaContext> context, StreamClass stream_class, StreamPriority priority,
                       std::shared_ptr<TilePool> host_threads)
    : context_(std::move(context)), host_threads_(std::move(host_threads)), run_ahead_(context_) {
    context_->call("create a stream of the GPU", context_->table().stream_create, context_->device(),
                   plugin_class(stream_class), priority == StreamPriority::kPrediction ? 1 : 0, &stream_);
}

CudaStream::~CudaStream() {
    // A failure has been or will be seen by whoever needs what was enqueued.
    TensileStatus status = empty_status();
    context_->table().stream_synchronize(stream_, &status);
    context_->table().stream_destroy(stream_);
}

LaunchStatus CudaStream::launch(Binding& binding, int op, const LaunchContext& context) {
    if (stop_requested(context)) return LaunchStatus::kStopped;
    const auto& bound = static_cast<const CudaBinding&>(binding);
    const CudaOp& found = bound.op(op);
    bound.launch(found, stream_, context.extents);
    run_ahead_.note(*this, found.seconds);
    return LaunchStatus::kCompleted;
}

LaunchStatus CudaStream::launch_sequence(Binding& binding, std::span<const std::int32_t> ops,
                                         const LaunchContext& context) {
    auto& bound = static_cast<CudaBinding&>(binding);
    while (!ops.empty()) {
        if (stop_requested(context)) return LaunchStatus::kStopped;
        // The cuts depend on the program alone, so each part is the same every time.
        double seconds = 0;
        std::size_t count = 0;
        while (count < ops.size() && (count == 0 || seconds + bound.op(ops[count]).seconds <= kGraphSeconds))
            seconds += bound.op(ops[count++]).seconds;
        const auto part = ops.first(count);
        TensileGraph* const graph =
            count < kFewestOpsOfGraph ? nullptr : bound.graph_for(part, context.extents, stream_);
        if (graph != nullptr) {
            context_->call("launch a graph on the GPU", context_->table().graph_launch, graph, stream_);
            run_ahead_.note(*this, seconds);
        } else {
            for (const std::int32_t op : part)
                if (launch(binding, op, context) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
        }
        ops = ops.subspan(count);
    }
    return LaunchStatus::kCompleted;
}

void CudaStream::copy(std::byte* destination, const std::byte* source, std::size_t bytes) {
    context_->call("copy to or from the GPU", context_->table().copy, stream_, static_cast<void*>(destination),
                   static_cast<const void*>(source), bytes);
}

void CudaStream::record(Event& event) {
    context_->call("record an event of the GPU", context_->table().event_record, static_cast<CudaEvent&>(event).get(),
                   stream_);
}

void CudaStream::wait_for(Event& event) {
    context_->call("order streams of the GPU", context_->table().stream_wait_event, stream_,
                   static_cast<CudaEvent&>(event).get());
}

void CudaStream::synchronize() {
    context_->call("wait for the GPU", context_->table().stream_synchronize, stream_);
}

void CudaStream::parallel_for(std::int64_t count, std::int64_t grain,
                              const std::function<void(std::int64_t, std::int64_t)>& body) {
    host_threads_->parallel_for(count, grain, body);
}

}  // namespace tensile
