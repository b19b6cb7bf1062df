// The plug-in's one exported symbol: the C table of device/cuda/plugin_abi.h over the classes of this folder.
// Exceptions end here and become codes.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "cuda/device.h"
#include "cuda/driver.h"
#include "cuda/error.h"
#include "cuda/op_problem.h"
#include "cuda/stream.h"

// The opaque handles of the table.
struct TensileDevice : tensile::cuda::Device {
    using Device::Device;
};
struct TensileStream : tensile::cuda::Stream {
    using Stream::Stream;
};
struct TensileEvent : tensile::cuda::Event {
    using Event::Event;
};
struct TensileKernel {
    std::unique_ptr<tensile::cuda::Kernel> kernel;
};
struct TensileGraph {
    std::unique_ptr<tensile::cuda::Graph> graph;
};

namespace tensile::cuda {

namespace {

// Fills a struct of the caller, who may know a shorter one; its size stays as he set it.
template <typename T>
void fill_struct(T* to, T from) {
    from.size = to->size;
    std::memcpy(to, &from, std::min<std::size_t>(to->size, sizeof from));
}

std::int32_t report(TensileStatus* status, TensileCode code, const char* message, bool sticky) {
    if (status == nullptr) return code;
    TensileStatus filled{};
    filled.code = code;
    filled.sticky = sticky ? 1 : 0;
    std::strncpy(filled.message, message, sizeof filled.message - 1);
    fill_struct(status, filled);
    return code;
}

// Runs the body of a table function.
template <typename Body>
std::int32_t guarded(TensileStatus* status, Body body) noexcept {
    try {
        body();
        return report(status, TENSILE_OK, "", false);
    } catch (const PluginError& error) {
        return report(status, error.code(), error.what(), error.sticky());
    } catch (const std::bad_alloc&) {
        return report(status, TENSILE_OUT_OF_MEMORY, "the host is out of memory", false);
    } catch (const std::exception& error) {
        return report(status, TENSILE_FAULT, error.what(), false);
    }
}

template <typename Body>
std::int32_t guarded_on(const Device& device, TensileStatus* status, Body body) noexcept {
    return guarded(status, [&] {
        device.make_current();
        body();
    });
}

std::int32_t table_device_count(std::int32_t* count, TensileStatus* status) {
    *count = 0;
    return guarded(status, [&] { *count = device_count(); });
}

std::int32_t table_open(std::int32_t ordinal, TensileDevice** device, TensileStatus* status) {
    *device = nullptr;
    return guarded(status, [&] { *device = std::make_unique<TensileDevice>(ordinal).release(); });
}

void table_close(TensileDevice* device) {
    const std::unique_ptr<TensileDevice> owned(device);
}

std::int32_t table_properties(TensileDevice* device, TensileDeviceProperties* properties, TensileStatus* status) {
    return guarded_on(*device, status, [&] { fill_struct(properties, device->properties()); });
}

std::int32_t table_slab_allocate(TensileDevice* device, std::uint64_t bytes, void** address, TensileStatus* status) {
    *address = nullptr;
    return guarded_on(*device, status, [&] { *address = device->allocate_slab(bytes); });
}

void table_slab_free(TensileDevice* device, void* address) {
    guarded_on(*device, nullptr, [&] { device->free_slab(address); });
}

std::int32_t table_host_allocate(TensileDevice* device, std::uint64_t bytes, void** address, TensileStatus* status) {
    *address = nullptr;
    return guarded_on(*device, status, [&] { *address = allocate_host(bytes); });
}

void table_host_free(TensileDevice* device, void* address) {
    guarded_on(*device, nullptr, [&] { cudaFreeHost(address); });
}

std::int32_t table_host_register(TensileDevice* device, void* address, std::uint64_t bytes, TensileStatus* status) {
    return guarded_on(*device, status, [&] { register_host(address, bytes); });
}

void table_host_unregister(TensileDevice* device, void* address) {
    guarded_on(*device, nullptr, [&] { cudaHostUnregister(address); });
}

std::int32_t table_stream_create(TensileDevice* device, std::int32_t stream_class, std::int32_t priority,
                                 TensileStream** stream, TensileStatus* status) {
    *stream = nullptr;
    return guarded_on(*device, status, [&] {
        *stream =
            std::make_unique<TensileStream>(*device, static_cast<TensileStreamClass>(stream_class), priority).release();
    });
}

// Destroyed also where the device cannot be selected any more.
void table_stream_destroy(TensileStream* stream) {
    const std::unique_ptr<TensileStream> owned(stream);
    if (stream != nullptr) guarded_on(stream->device(), nullptr, [] {});
}

std::int32_t table_stream_synchronize(TensileStream* stream, TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->synchronize(); });
}

std::int32_t table_stream_wait_event(TensileStream* stream, TensileEvent* event, TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->wait_for(*event); });
}

std::int32_t table_event_create(TensileDevice* device, TensileEvent** event, TensileStatus* status) {
    *event = nullptr;
    return guarded_on(*device, status, [&] { *event = std::make_unique<TensileEvent>(*device).release(); });
}

void table_event_destroy(TensileEvent* event) {
    const std::unique_ptr<TensileEvent> owned(event);
    if (event != nullptr) guarded_on(event->device(), nullptr, [] {});
}

std::int32_t table_event_record(TensileEvent* event, TensileStream* stream, TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->record(*event); });
}

std::int32_t table_event_query(TensileEvent* event, std::int32_t* complete, TensileStatus* status) {
    *complete = 0;
    return guarded_on(event->device(), status, [&] { *complete = event->is_complete() ? 1 : 0; });
}

std::int32_t table_event_synchronize(TensileEvent* event, TensileStatus* status) {
    return guarded_on(event->device(), status, [&] { event->synchronize(); });
}

std::int32_t table_event_elapsed(TensileEvent* begin, TensileEvent* end, double* seconds, TensileStatus* status) {
    *seconds = 0;
    return guarded_on(end->device(), status, [&] { *seconds = end->seconds_since(*begin); });
}

std::int32_t table_copy(TensileStream* stream, void* to, const void* from, std::uint64_t bytes, TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->copy(to, from, bytes); });
}

std::int32_t table_fill(TensileStream* stream, void* to, std::int32_t byte, std::uint64_t bytes,
                        TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->fill(to, byte, bytes); });
}

std::int32_t table_supports(TensileDevice* device, const char* op, TensileDType dtype) {
    return device->supports(op, static_cast<DType>(dtype)) ? 1 : 0;
}

TensileKernelInfo describe(const Kernel& kernel) {
    TensileKernelInfo info{};
    info.scratch_bytes = kernel.scratch_bytes();
    info.overwritable_inputs = kernel.overwritable_inputs();
    const std::span<const std::uint8_t> choice = kernel.choice();
    info.choice_bytes = std::min(choice.size(), sizeof info.choice);
    std::copy_n(choice.data(), info.choice_bytes, info.choice);
    return info;
}

std::int32_t table_prepare(TensileDevice* device, const TensileOpProblem* problem, TensileKernel** kernel,
                           TensileKernelInfo* info, TensileStatus* status) {
    *kernel = nullptr;
    return guarded_on(*device, status, [&] {
        auto made = std::make_unique<TensileKernel>(device->prepare(OpProblem(*problem)));
        fill_struct(info, describe(*made->kernel));
        *kernel = made.release();
    });
}

void table_kernel_release(TensileKernel* kernel) {
    const std::unique_ptr<TensileKernel> owned(kernel);
}

std::int32_t table_launch(TensileStream* stream, TensileKernel* kernel, const void* const* inputs, void* const* outputs,
                          void* scratch, const std::int64_t* extents, TensileStatus* status) {
    return guarded_on(stream->device(), status,
                      [&] { stream->launch(*kernel->kernel, inputs, outputs, scratch, extents); });
}

std::int32_t table_graph_begin(TensileStream* stream, TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->begin_capture(); });
}

std::int32_t table_graph_end(TensileStream* stream, TensileGraph** graph, TensileStatus* status) {
    *graph = nullptr;
    return guarded_on(stream->device(), status, [&] {
        auto captured = std::make_unique<TensileGraph>(stream->end_capture());
        *graph = captured.release();
    });
}

std::int32_t table_graph_launch(TensileGraph* graph, TensileStream* stream, TensileStatus* status) {
    return guarded_on(stream->device(), status, [&] { stream->launch(*graph->graph); });
}

void table_graph_destroy(TensileGraph* graph) {
    const std::unique_ptr<TensileGraph> owned(graph);
}

// In the order of the struct.
constexpr TensileDeviceTable kTable = {
    sizeof(TensileDeviceTable),
    TENSILE_DEVICE_ABI_VERSION,
    table_device_count,
    table_open,
    table_close,
    table_properties,
    table_slab_allocate,
    table_slab_free,
    table_host_allocate,
    table_host_free,
    table_host_register,
    table_host_unregister,
    table_stream_create,
    table_stream_destroy,
    table_stream_synchronize,
    table_stream_wait_event,
    table_event_create,
    table_event_destroy,
    table_event_record,
    table_event_query,
    table_event_synchronize,
    table_event_elapsed,
    table_copy,
    table_fill,
    table_supports,
    table_prepare,
    table_kernel_release,
    table_launch,
    table_graph_begin,
    table_graph_end,
    table_graph_launch,
    table_graph_destroy,
};

}  // namespace

}  // namespace tensile::cuda

extern "C" __attribute__((visibility("default"))) const TensileDeviceTable* tensile_device_table(
    std::uint32_t version) {
    return version == TENSILE_DEVICE_ABI_VERSION ? &tensile::cuda::kTable : nullptr;
}
