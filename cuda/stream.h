// Streams, events and graphs of a device: owners of CUDA's objects with what the plug-in adds to them.
#pragma once

#include <cstdint>
#include <optional>

#include "cuda/device.h"
#include "cuda/error.h"
#include "cuda/kernel.h"

namespace tensile::cuda {

class Event {
  public:
    explicit Event(const Device& device);
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event();

    const Device& device() const { return device_; }
    cudaEvent_t get() const { return event_; }
    // Whether what was enqueued before the last record is done, or it was never recorded.
    bool is_complete() const;
    void synchronize() const;
    // Between two complete events.
    double seconds_since(const Event& begin) const;

  private:
    const Device& device_;
    cudaEvent_t event_ = nullptr;
};

// What was enqueued on a stream while it captured, ready to be launched on any stream of the device.
class Graph {
  public:
    Graph(const Device& device, cudaGraph_t graph, cudaStream_t stream);
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    ~Graph();
    cudaGraphExec_t get() const { return executable_; }

  private:
    const Device& device_;
    cudaGraphExec_t executable_ = nullptr;
};

class Stream {
  public:
    // Only a compute stream has a cuDNN handle, because only it launches kernels.
    Stream(const Device& device, TensileStreamClass stream_class, int priority);
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream();

    const Device& device() const { return device_; }
    void synchronize();
    void wait_for(const Event& event);
    void record(const Event& event);
    // Between any two of device memory, page-locked and other host memory.
    void copy(void* to, const void* from, std::uint64_t bytes);
    void fill(void* to, int byte, std::uint64_t bytes);
    void launch(const Kernel& kernel, const void* const* inputs, void* const* outputs, void* scratch,
                const std::int64_t* extents);

    void begin_capture();
    // Throws the first failure since begin_capture(), if there was one.
    std::unique_ptr<Graph> end_capture();
    void launch(const Graph& graph);

  private:
    // Enqueues; a failure during a capture is kept for end_capture().
    template <typename Body>
    void enqueue(Body body);
    void release();

    const Device& device_;
    StreamContext context_;
    bool capturing_ = false;
    std::optional<PluginError> capture_failure_;
};

}  // namespace tensile::cuda
