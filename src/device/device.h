// The device interface: what the runtime asks of a CPU or a GPU.
//
// A device lowers programs (choosing layouts, reorders, scratch and tile groups), binds the result to addresses inside
// an extent of the tensor pool, and launches ops on streams. It owns no tensor memory beyond its one slab. All of it is
// shaped so that an asynchronous device fits: launches and copies are ordered by streams and events; the CPU's streams
// happen to complete a launch before they return. Knows no planner, model or database.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/lowered.h"
#include "graph/precision.h"
#include "graph/program.h"

namespace tensile {

// What must be equal for results to be equal bit by bit; recorded with every model.
struct DeviceProperties {
    std::string kind;             // "cpu", "cuda"
    std::string instruction_set;  // "AVX-512", "AVX2", "SSE4.1"; "sm_90"
    std::string kernel_library;   // "oneDNN 2.6.3"; with its instruction set where that differs
};

// A device that is not the processor itself, as people know it, and its memory.
struct DeviceHardware {
    std::string name;    // "NVIDIA H100 80GB HBM3"
    std::string driver;  // "driver 580.65, CUDA 13.0"
    std::uint64_t memory_bytes = 0;
    std::uint64_t free_bytes = 0;  // now
};

// The algorithm that a device has chosen for a problem, by the problem's text, where it has several: results depend on
// it. Means something to a device of the same properties only.
using AlgorithmChoices = std::map<std::string, std::vector<std::uint8_t>>;

enum class StreamClass : std::uint8_t { kCompute, kCopyIn, kCopyOut };
// Training runs at low priority so that predictions overtake it.
enum class StreamPriority : std::uint8_t { kTraining, kPrediction };

// Asked at every tile (at most 5 ms apart); setting it stops a launch without finishing it.
using StopFlag = std::atomic<bool>;

enum class LaunchStatus : std::uint8_t { kCompleted, kStopped };

struct LaunchContext {
    std::span<const std::int64_t> extents;  // by extent slot of the program
    const StopFlag* stop = nullptr;         // may be null
};

// Kernels of one lowered program bound to addresses. Cheap to launch: no allocation, lock or lookup per op. One thread
// launches at a time.
class Binding {
  public:
    virtual ~Binding() = default;
    // The buffer of a lowered tensor for launches from now on; costs as much as there are uses of the tensor, allocates
    // nothing. Launches that have returned (a stream may not have run them yet) keep the address they began with.
    virtual void set_address(std::int32_t tensor, std::byte* address) = 0;
};

// A lowered program and its prepared kernels: immutable, shared by all bindings.
class Executable {
  public:
    virtual ~Executable() = default;
    virtual const LoweredProgram& lowered() const = 0;
    // Of its ops. To be stored, and given to merge_algorithm_choices() in another process.
    virtual AlgorithmChoices algorithm_choices() const { return {}; }
    // addresses[i] is the buffer of lowered tensor i: 64-byte aligned, valid while ops that use it are launched.
    virtual std::unique_ptr<Binding> bind(std::span<std::byte* const> addresses) const = 0;
};

// A point on a stream: the last at which it was recorded. One that was never recorded is complete.
class Event {
  public:
    virtual ~Event() = default;
    virtual bool is_complete() const = 0;
    virtual void wait() = 0;
    // From `earlier` to this one, of two complete events that were recorded on streams of one device; 0 on a
    // synchronous device, where a clock tells the same.
    virtual double seconds_since(const Event& earlier) const;
};

class Stream {
  public:
    virtual ~Stream() = default;
    // Runs (or enqueues) lowered op `op`. After kStopped the written tensors are undefined; what an asynchronous device
    // has enqueued before still runs, so its memory is free only after synchronize(). Such a device lets the host be a
    // few milliseconds of work ahead, so that the stop flag is seen in time.
    virtual LaunchStatus launch(Binding& binding, int op, const LaunchContext& context) = 0;
    // Runs (or enqueues) those ops in that order, as launch() would one after another. A binding that is launched so is
    // always given the same list, which outlives it, so that a device can record it once.
    virtual LaunchStatus launch_sequence(Binding& binding, std::span<const std::int32_t> ops,
                                         const LaunchContext& context);
    // Between any two of slab, host arena and other host memory. Host memory stays as it is until the copy is complete.
    virtual void copy(std::byte* destination, const std::byte* source, std::size_t bytes) = 0;
    // The event is complete when all that was enqueued before is.
    virtual void record(Event& event);
    // What is enqueued from now on runs after it.
    virtual void wait_for(Event& event);
    virtual void synchronize() = 0;
    // Runs body(begin, end) over [0, count) cut into fixed pieces of `grain`, on the stream's host threads; used to
    // feed batches. Returns when all pieces are done.
    virtual void parallel_for(std::int64_t count, std::int64_t grain,
                              const std::function<void(std::int64_t, std::int64_t)>& body) = 0;
};

struct LoweringOptions {
    // Forward-only programs give every row the same bits whatever the batch is, its capacity included.
    bool batch_invariant = false;
    // Row-wise chains are cut into shorter ops, so that a planner can move what lies between them. Costs passes over
    // memory; gives the same bits.
    bool split_chains = false;
    // With split_chains: variables that may be stored in slices, as tensors of `slice_bytes` each and a last shorter
    // one, with an op for each slice, so that a planner can move one after another. Only such as
    // is_updated_by_element() allows. A device that knows no slices stores them whole.
    std::vector<ValueId> sliced_variables = {};
    std::uint64_t slice_bytes = 0;  // a multiple of 64
    // Devices that cannot compute so refuse.
    Precision precision = Precision::kFloat32;
};

class Device {
  public:
    virtual ~Device() = default;
    virtual const DeviceProperties& properties() const = 0;
    // Nothing where the pool is host memory.
    virtual std::optional<DeviceHardware> hardware() const { return std::nullopt; }
    virtual bool supports(const Op& op, DType dtype) const = 0;
    virtual bool computes_in(Precision precision) const { return precision == Precision::kFloat32; }
    // Throws Error 0A000 when the device has no kernel for a node, or not in that precision.
    virtual std::unique_ptr<Executable> lower(const Program& program, const LoweringOptions& options) = 0;
    // Programs that are lowered from now on use these algorithms for problems that none has been chosen for yet.
    virtual void merge_algorithm_choices(const AlgorithmChoices&) {}
    virtual std::unique_ptr<Stream> create_stream(StreamClass stream_class, StreamPriority priority) = 0;
    // Whether launches and copies are complete when they return and the host may use the addresses of the slab. Where
    // it is false, everything passes to and from the slab by Stream::copy(), and only streams order what happens there.
    virtual bool is_synchronous() const { return true; }
    virtual std::unique_ptr<Event> create_event();
    // Memory for the tensor pool, taken once at start. Of a synchronous device address space: pages are committed by
    // use and given back by discard().
    virtual std::byte* reserve_slab(std::size_t bytes) = 0;
    virtual void discard(std::byte* begin, std::size_t bytes) = 0;
    // Host memory that copies use without a detour (page-locked), taken once at start. Only of devices that are not
    // synchronous. Throws Error 53200 where there is not as much.
    virtual std::byte* reserve_host_arena(std::size_t bytes);
    // May be called at any time; results never depend on it.
    virtual void set_threads(int threads) = 0;
    // As last set, with 0 resolved to the number of cores.
    virtual int threads() const = 0;
};

}  // namespace tensile
