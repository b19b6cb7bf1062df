// Streams, events and graphs; see stream.h.
#include "cuda/stream.h"

#include <memory>
#include <utility>

namespace tensile::cuda {

namespace {

// As CUDA numbers priorities: lower numbers go first.
int priority_number(TensileStreamClass stream_class, int priority) {
    int least = 0;
    int greatest = 0;
    check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "asking for the priorities of streams");
    // Copies are short and what waits for them is a computation: they are not held up by one.
    return priority > 0 || stream_class != TENSILE_COMPUTE ? greatest : least;
}

}  // namespace

Event::Event(const Device& device) : device_(device) {
    // A host thread that waits sleeps: it is one of a database server's.
    check(cudaEventCreateWithFlags(&event_, cudaEventBlockingSync), "creating an event");
}

Event::~Event() {
    cudaEventDestroy(event_);
}

bool Event::is_complete() const {
    const cudaError_t result = cudaEventQuery(event_);
    if (result == cudaErrorNotReady) {
        // An answer, but remembered like an error: the next check_launch() of this thread would find it.
        cudaGetLastError();
        return false;
    }
    check(result, "asking for an event");
    return true;
}

void Event::synchronize() const {
    check(cudaEventSynchronize(event_), "waiting for an event");
}

double Event::seconds_since(const Event& begin) const {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "measuring the time between two events");
    return static_cast<double>(milliseconds) * 1e-3;
}

Graph::Graph(const Device& device, cudaGraph_t graph, cudaStream_t stream) : device_(device) {
    check(cudaGraphInstantiate(&executable_, graph, 0), "instantiating a graph");
    // What the first launch would otherwise do.
    const cudaError_t uploaded = cudaGraphUpload(executable_, stream);
    if (uploaded == cudaSuccess) return;
    cudaGraphExecDestroy(executable_);
    check(uploaded, "uploading a graph");
}

Graph::~Graph() {
    cudaSetDevice(device_.ordinal());
    cudaGraphExecDestroy(executable_);
}

Stream::Stream(const Device& device, TensileStreamClass stream_class, int priority) : device_(device) {
    check(
        cudaStreamCreateWithPriority(&context_.stream, cudaStreamNonBlocking, priority_number(stream_class, priority)),
        "creating a stream");
    context_.cublas_lt = device.context().cublas_lt;
    if (stream_class != TENSILE_COMPUTE) return;
    try {
        check(cudnnCreate(&context_.cudnn), "creating a cuDNN handle");
        check(cudnnSetStream(context_.cudnn, context_.stream), "binding cuDNN to a stream");
    } catch (...) {
        release();
        throw;
    }
}

Stream::~Stream() {
    release();
}

void Stream::release() {
    if (context_.cudnn != nullptr) cudnnDestroy(context_.cudnn);
    cudaStreamDestroy(context_.stream);
}

template <typename Body>
void Stream::enqueue(Body body) {
    try {
        body();
    } catch (const PluginError& error) {
        if (capturing_ && !capture_failure_) capture_failure_ = error;
        throw;
    }
}

void Stream::synchronize() {
    check(cudaStreamSynchronize(context_.stream), "waiting for a stream");
}

void Stream::wait_for(const Event& event) {
    enqueue([&] { check(cudaStreamWaitEvent(context_.stream, event.get(), 0), "waiting for an event on a stream"); });
}

void Stream::record(const Event& event) {
    enqueue([&] { check(cudaEventRecord(event.get(), context_.stream), "recording an event"); });
}

void Stream::copy(void* to, const void* from, std::uint64_t bytes) {
    if (bytes == 0) return;
    enqueue([&] { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, context_.stream), "copying"); });
}

void Stream::fill(void* to, int byte, std::uint64_t bytes) {
    if (bytes == 0) return;
    enqueue([&] { check(cudaMemsetAsync(to, byte, bytes, context_.stream), "filling device memory"); });
}

void Stream::launch(const Kernel& kernel, const void* const* inputs, void* const* outputs, void* scratch,
                    const std::int64_t* extents) {
    enqueue([&] { kernel.launch({inputs, outputs, static_cast<std::byte*>(scratch), extents, context_}); });
}

void Stream::begin_capture() {
    if (capturing_) throw PluginError(TENSILE_INVALID, "the stream captures a graph already");
    check(cudaStreamBeginCapture(context_.stream, cudaStreamCaptureModeThreadLocal), "beginning to capture a graph");
    capturing_ = true;
    capture_failure_.reset();
}

std::unique_ptr<Graph> Stream::end_capture() {
    if (!capturing_) throw PluginError(TENSILE_INVALID, "the stream captures no graph");
    capturing_ = false;
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(context_.stream, &graph);
    const auto destroy = [](cudaGraph_t captured) { cudaGraphDestroy(captured); };
    const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, decltype(destroy)> owned(graph, destroy);
    if (capture_failure_) {
        cudaGetLastError();
        throw PluginError(*std::exchange(capture_failure_, std::nullopt));
    }
    check(ended, "capturing a graph");
    return std::make_unique<Graph>(device_, graph, context_.stream);
}

void Stream::launch(const Graph& graph) {
    enqueue([&] { check(cudaGraphLaunch(graph.get(), context_.stream), "launching a graph"); });
}

}  // namespace tensile::cuda
