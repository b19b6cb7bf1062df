#include "support/fake_plugin.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "support/fake_kernel.h"
#include "support/fake_lanes.h"
#include "support/fake_memory.h"
#include "tensor/error.h"

namespace tensile::testing {

namespace {

// A failure of a call; becomes its status.
struct CallFailure {
    TensileCode code;
    std::string message;
    bool sticky = false;
};

struct Stream {
    FakePlugin::State* state;
    std::size_t lane;
    bool is_recording = false;
    std::vector<FakeAction> recorded = {};
};

struct Event {
    FakePlugin::State* state;
    std::shared_ptr<FakeRecord> record;  // null: never recorded
};

struct Kernel {
    FakePlugin::State* state;
    std::shared_ptr<const FakeKernel> kernel;
};

struct Graph {
    FakePlugin::State* state;
    std::vector<FakeAction> actions;
};

// For the functions that come before there is a handle.
std::atomic<FakePlugin::State*> living{nullptr};

constexpr std::uintptr_t kAlignment = 64;
constexpr std::uintptr_t kScratchAlignment = 256;
constexpr std::uint8_t kChoice[] = {'f', 'a', 'k', 'e'};

}  // namespace

class FakePlugin::State {
  public:
    explicit State(FakePluginOptions options);

    // Runs body() under the lock and turns what it throws into the status of a call.
    template <typename Body>
    std::int32_t call(TensileStatus* status, Body&& body) {
        const std::scoped_lock lock(mutex_);
        try {
            if (lost_) throw CallFailure(*lost_);
            body();
            if (lost_) throw CallFailure(*lost_);
        } catch (const CallFailure& failure) {
            return report(status, failure);
        } catch (const Error& error) {
            return report(status, {TENSILE_INVALID, error.message()});
        }
        return TENSILE_OK;
    }

    const FakePluginOptions& options() const { return options_; }
    const TensileDeviceTable& table() const { return table_; }
    FakePluginCounters& counters() { return counters_; }
    FakeLanes& lanes() { return lanes_; }
    std::mutex& mutex() { return mutex_; }

    void inject(const FakeFault& fault) { faults_.push_back(fault); }
    void complain(std::string what) { complaints_.push_back(std::move(what)); }
    std::vector<std::string> complaints() const {
        std::vector<std::string> all = complaints_;
        all.insert(all.end(), lanes_.races().begin(), lanes_.races().end());
        return all;
    }

    // Throws the failure that a test wants of this call, or makes `action` the end of the device.
    void strike(FakeFault::Call call, FakeAction& action) {
        for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
            if (fault->call != call || fault->after-- > 0) continue;
            const CallFailure failure{fault->code, "an injected fault", fault->sticky};
            faults_.erase(fault);
            if (!failure.sticky) throw CallFailure(failure);
            action.run = [this, failure] { lost_ = failure; };
            return;
        }
    }

    void enqueue(Stream& stream, FakeAction action) {
        if (stream.is_recording)
            stream.recorded.push_back(std::move(action));
        else
            lanes_.enqueue(stream.lane, std::move(action));
    }

    void* allocate(std::uint64_t bytes) {
        if (bytes > free_bytes())
            throw CallFailure{TENSILE_OUT_OF_MEMORY, "the device has " + std::to_string(free_bytes()) + " bytes left"};
        memory_.emplace_back(bytes, std::make_unique<FakeMemory>(bytes));
        return memory_.back().second->address();
    }
    void release(const void* address) {
        std::erase_if(memory_, [&](const auto& memory) { return memory.second->address() == address; });
    }
    std::uint64_t free_bytes() const {
        std::uint64_t used = 0;
        for (const auto& memory : memory_)
            used += memory.first;
        return options_.memory_bytes - used;
    }

    // The bytes behind an address of the device; throws when they are not all there.
    std::byte* on_device(const void* address, std::size_t bytes) {
        for (const auto& memory : memory_)
            if (std::byte* const content = memory.second->behind(address, bytes)) return content;
        complain("an address outside the device's memory was used");
        throw CallFailure{TENSILE_INVALID, "an address outside the device's memory"};
    }
    // The same, or memory of the host.
    std::byte* anywhere(const void* address, std::size_t bytes) {
        const bool device =
            std::ranges::any_of(memory_, [&](const auto& memory) { return memory.second->contains(address); });
        if (device) return on_device(address, bytes);
        return const_cast<std::byte*>(static_cast<const std::byte*>(address));
    }

    void pin(std::uint64_t bytes) {
        if (bytes > options_.pinned_bytes - pinned_)
            throw CallFailure{TENSILE_OUT_OF_MEMORY,
                              std::to_string(options_.pinned_bytes - pinned_) + " bytes more can be page-locked"};
        pinned_ += bytes;
    }
    void note_pinned(void* address, std::uint64_t bytes) { pins_.emplace_back(address, bytes); }
    void unpin(const void* address) {
        std::erase_if(pins_, [&](const auto& pin) {
            if (pin.first != address) return false;
            pinned_ -= pin.second;
            return true;
        });
    }

  private:
    static std::int32_t report(TensileStatus* status, const CallFailure& failure) {
        status->code = failure.code;
        status->sticky = failure.sticky ? 1 : 0;
        std::snprintf(status->message, sizeof status->message, "%s", failure.message.c_str());
        return failure.code;
    }

    const FakePluginOptions options_;
    const TensileDeviceTable table_;
    std::mutex mutex_;
    FakePluginCounters counters_;
    std::vector<std::pair<std::uint64_t, std::unique_ptr<FakeMemory>>> memory_;
    std::uint64_t pinned_ = 0;
    std::vector<std::pair<void*, std::uint64_t>> pins_;
    std::list<FakeFault> faults_;
    std::optional<CallFailure> lost_;
    std::vector<std::string> complaints_;
    FakeLanes lanes_;
};

namespace {

using State = FakePlugin::State;

State* state_of(TensileDevice* device) {
    return reinterpret_cast<State*>(device);
}
Stream& stream_of(TensileStream* stream) {
    return *reinterpret_cast<Stream*>(stream);
}
Event& event_of(TensileEvent* event) {
    return *reinterpret_cast<Event*>(event);
}
Graph& graph_of(TensileGraph* graph) {
    return *reinterpret_cast<Graph*>(graph);
}

template <typename Handle, typename Object>
Handle* opened(State* state, Object* object) {
    ++state->counters().open_objects;
    return reinterpret_cast<Handle*>(object);
}

template <typename Object, typename Handle>
void closed(Handle* handle) {
    const std::unique_ptr<Object> object(reinterpret_cast<Object*>(handle));
    const std::scoped_lock lock(object->state->mutex());
    --object->state->counters().open_objects;
}

template <std::size_t kCapacity>
void set_text(char (&target)[kCapacity], const char* text) {
    std::snprintf(target, kCapacity, "%s", text);
}

std::int32_t device_count(std::int32_t* count, TensileStatus* status) {
    State* const state = living;
    *count = 0;
    return state->call(status, [&] {
        if (state->options().driver == TENSILE_NO_DRIVER)
            throw CallFailure{TENSILE_NO_DRIVER, "libcuda.so.1 is not installed"};
        if (state->options().driver == TENSILE_OLD_DRIVER)
            throw CallFailure{TENSILE_OLD_DRIVER, "the driver knows CUDA 11.4, CUDA 13.0 is needed"};
        *count = state->options().devices;
    });
}

std::int32_t open_device(std::int32_t, TensileDevice** device, TensileStatus* status) {
    State* const state = living;
    return state->call(status, [&] { *device = opened<TensileDevice>(state, state); });
}

void close_device(TensileDevice* device) {
    State* const state = state_of(device);
    const std::scoped_lock lock(state->mutex());
    if (--state->counters().open_objects > 0)
        state->complain(std::to_string(state->counters().open_objects) + " objects were left when the device closed");
}

std::int32_t properties(TensileDevice* device, TensileDeviceProperties* properties, TensileStatus* status) {
    State* const state = state_of(device);
    return state->call(status, [&] {
        set_text(properties->name, "Fake GPU");
        set_text(properties->architecture, "fake_1");
        set_text(properties->kernel_library, "reference kernels");
        set_text(properties->driver, "driver 1.0, CUDA 13.0");
        properties->memory_bytes = state->options().memory_bytes;
        properties->free_bytes = state->free_bytes();
        properties->multiprocessors = state->options().multiprocessors;
        properties->copy_engines = 2;
    });
}

std::int32_t slab_allocate(TensileDevice* device, std::uint64_t bytes, void** address, TensileStatus* status) {
    State* const state = state_of(device);
    return state->call(status, [&] {
        *address = state->allocate(bytes);
        ++state->counters().open_objects;
    });
}

void slab_free(TensileDevice* device, void* address) {
    State* const state = state_of(device);
    const std::scoped_lock lock(state->mutex());
    state->release(address);
    --state->counters().open_objects;
}

std::int32_t host_allocate(TensileDevice* device, std::uint64_t bytes, void** address, TensileStatus* status) {
    constexpr std::size_t kPage = 4096;
    State* const state = state_of(device);
    return state->call(status, [&] {
        state->pin(bytes);
        *address = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
        state->note_pinned(*address, bytes);
        ++state->counters().open_objects;
    });
}

void host_free(TensileDevice* device, void* address) {
    State* const state = state_of(device);
    const std::scoped_lock lock(state->mutex());
    state->unpin(address);
    std::free(address);
    --state->counters().open_objects;
}

std::int32_t host_register(TensileDevice* device, void* address, std::uint64_t bytes, TensileStatus* status) {
    State* const state = state_of(device);
    return state->call(status, [&] {
        state->pin(bytes);
        state->note_pinned(address, bytes);
        ++state->counters().open_objects;
    });
}

void host_unregister(TensileDevice* device, void* address) {
    State* const state = state_of(device);
    const std::scoped_lock lock(state->mutex());
    state->unpin(address);
    --state->counters().open_objects;
}

std::int32_t stream_create(TensileDevice* device, std::int32_t, std::int32_t, TensileStream** stream,
                           TensileStatus* status) {
    State* const state = state_of(device);
    return state->call(status, [&] {
        *stream = opened<TensileStream>(state, new Stream{state, state->lanes().add_lane()});
    });
}

void stream_destroy(TensileStream* stream) {
    closed<Stream>(stream);
}

std::int32_t stream_synchronize(TensileStream* handle, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    return stream.state->call(status, [&] {
        ++stream.state->counters().waits;
        stream.state->lanes().finish(stream.lane);
    });
}

std::int32_t stream_wait_event(TensileStream* handle, TensileEvent* event, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    return stream.state->call(status, [&] {
        if (stream.is_recording) throw CallFailure{TENSILE_INVALID, "a wait inside a graph"};
        if (event_of(event).record) stream.state->lanes().wait(stream.lane, event_of(event).record);
    });
}

std::int32_t event_create(TensileDevice* device, TensileEvent** event, TensileStatus* status) {
    State* const state = state_of(device);
    return state->call(status, [&] { *event = opened<TensileEvent>(state, new Event{state, nullptr}); });
}

void event_destroy(TensileEvent* event) {
    closed<Event>(event);
}

std::int32_t event_record(TensileEvent* event, TensileStream* handle, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    return stream.state->call(status, [&] {
        if (stream.is_recording) throw CallFailure{TENSILE_INVALID, "an event inside a graph"};
        event_of(event).record = stream.state->lanes().record(stream.lane);
    });
}

std::int32_t event_query(TensileEvent* handle, std::int32_t* complete, TensileStatus* status) {
    const Event& event = event_of(handle);
    return event.state->call(status, [&] {
        if (event.record) event.state->lanes().look(*event.record);
        *complete = !event.record || event.record->complete ? 1 : 0;
    });
}

std::int32_t event_synchronize(TensileEvent* handle, TensileStatus* status) {
    const Event& event = event_of(handle);
    return event.state->call(status, [&] {
        ++event.state->counters().waits;
        if (event.record) event.state->lanes().finish(*event.record);
    });
}

std::int32_t event_elapsed(TensileEvent* begin, TensileEvent* end, double* seconds, TensileStatus* status) {
    State* const state = event_of(begin).state;
    return state->call(status, [&] {
        const auto& first = event_of(begin).record;
        const auto& last = event_of(end).record;
        if (!first || !last || !first->complete || !last->complete)
            throw CallFailure{TENSILE_INVALID, "an event that is not complete"};
        *seconds = last->time - first->time;
    });
}

FakeAccess access_to(const void* address, std::size_t bytes, bool writes) {
    const auto begin = reinterpret_cast<std::uintptr_t>(address);
    return {begin, begin + bytes, writes};
}

std::int32_t copy(TensileStream* handle, void* to, const void* from, std::uint64_t bytes, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    State* const state = stream.state;
    return state->call(status, [&] {
        std::byte* const target = state->anywhere(to, bytes);
        const std::byte* const source = state->anywhere(from, bytes);
        FakeAction action{
            "a copy of " + std::to_string(bytes) + " bytes",
            state->options().copy_latency + static_cast<double>(bytes) / state->options().copy_bytes_per_second,
            [=] { std::memmove(target, source, bytes); },
            {access_to(from, bytes, false), access_to(to, bytes, true)}};
        state->strike(FakeFault::Call::kCopy, action);
        ++state->counters().copies;
        state->enqueue(stream, std::move(action));
    });
}

std::int32_t fill(TensileStream* handle, void* to, std::int32_t byte, std::uint64_t bytes, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    State* const state = stream.state;
    return state->call(status, [&] {
        std::byte* const target = state->anywhere(to, bytes);
        state->enqueue(stream, {"a fill of " + std::to_string(bytes) + " bytes",
                                state->options().launch_seconds +
                                    static_cast<double>(bytes) / state->options().memory_bytes_per_second,
                                [=] { std::memset(target, byte, bytes); },
                                {access_to(to, bytes, true)}});
    });
}

std::int32_t supports(TensileDevice* device, const char* op, TensileDType dtype) {
    const bool is_known = std::ranges::any_of(all_ops(), [&](const Op* known) { return known->name() == op; });
    const auto type = static_cast<DType>(dtype);
    return is_known && !state_of(device)->options().without_kernel.contains(op) &&
                   (type == DType::kF32 || !is_floating(type))
               ? 1
               : 0;
}

std::int32_t prepare(TensileDevice* device, const TensileOpProblem* problem, TensileKernel** kernel,
                     TensileKernelInfo* info, TensileStatus* status) {
    State* const state = state_of(device);
    return state->call(status, [&] {
        for (std::size_t i = 0; i < problem->output_count; ++i) {
            const auto type = static_cast<DType>(problem->outputs[i].dtype);
            if (state->options().without_kernel.contains(problem->name) || type == DType::kF64)
                throw CallFailure{TENSILE_UNSUPPORTED, "operation \"" + std::string(problem->name) + "\" on type " +
                                                           std::string(name_of(type)) + " has no kernel"};
        }
        auto made = std::make_shared<const FakeKernel>(*problem, state->options().scratch_bytes);
        info->scratch_bytes = made->scratch_bytes();
        info->overwritable_inputs = made->overwritable_inputs();
        std::ranges::copy(kChoice, info->choice);
        info->choice_bytes = sizeof kChoice;
        ++state->counters().prepared;
        const bool is_known =
            problem->choice_bytes == sizeof kChoice && std::equal(kChoice, kChoice + sizeof kChoice, problem->choice);
        if (is_known) ++state->counters().prepared_again;
        *kernel = opened<TensileKernel>(state, new Kernel{state, std::move(made)});
    });
}

void kernel_release(TensileKernel* kernel) {
    closed<Kernel>(kernel);
}

FakeAction launch_action(State* state, std::shared_ptr<const FakeKernel> kernel, const void* const* inputs,
                         void* const* outputs, void* scratch, const std::int64_t* extents) {
    FakeAction action;
    action.name = "\"" + std::string(kernel->op().name()) + "\"";
    std::vector<std::byte*> read;
    std::vector<std::byte*> written;
    const auto use = [&](const void* address, std::size_t bytes, bool writes, std::uintptr_t alignment = kAlignment) {
        if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0)
            throw CallFailure{TENSILE_INVALID, "an address that is not aligned"};
        action.accesses.push_back(access_to(address, bytes, writes));
        return state->on_device(address, bytes);
    };
    for (std::size_t i = 0; i < kernel->inputs().size(); ++i)
        read.push_back(use(inputs[i], kernel->inputs()[i].bytes(), false));
    for (std::size_t i = 0; i < kernel->outputs().size(); ++i) {
        const int alias = kernel->alias_of(i);
        if (alias >= 0 && outputs[i] != inputs[alias])
            throw CallFailure{TENSILE_INVALID, "an aliased output elsewhere than its input"};
        written.push_back(use(outputs[i], kernel->outputs()[i].bytes(), true));
    }
    std::byte* const rubbish =
        kernel->scratch_bytes() > 0 ? use(scratch, kernel->scratch_bytes(), true, kScratchAlignment) : nullptr;
    const OpCost cost = kernel->cost();
    action.seconds = state->options().launch_seconds + cost.flops / state->options().flops_per_second +
                     cost.bytes / state->options().memory_bytes_per_second;
    const std::size_t extent_count = kernel->extent_count();
    action.run = [kernel = std::move(kernel), read = std::move(read), written = std::move(written), rubbish,
                  present = std::vector<std::int64_t>(extents, extents + extent_count)] {
        kernel->run(read, written, rubbish, present);
    };
    return action;
}

std::int32_t launch(TensileStream* handle, TensileKernel* kernel, const void* const* inputs, void* const* outputs,
                    void* scratch, const std::int64_t* extents, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    State* const state = stream.state;
    return state->call(status, [&] {
        FakeAction action =
            launch_action(state, reinterpret_cast<Kernel*>(kernel)->kernel, inputs, outputs, scratch, extents);
        if (!stream.is_recording) {
            state->strike(FakeFault::Call::kLaunch, action);
            ++state->counters().launches;
        }
        state->enqueue(stream, std::move(action));
    });
}

std::int32_t graph_begin(TensileStream* handle, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    return stream.state->call(status, [&] {
        if (stream.is_recording) throw CallFailure{TENSILE_INVALID, "a graph inside a graph"};
        stream.is_recording = true;
    });
}

std::int32_t graph_end(TensileStream* handle, TensileGraph** graph, TensileStatus* status) {
    Stream& stream = stream_of(handle);
    State* const state = stream.state;
    return state->call(status, [&] {
        std::vector<FakeAction> actions = std::exchange(stream.recorded, {});
        if (!std::exchange(stream.is_recording, false)) throw CallFailure{TENSILE_INVALID, "no graph was begun"};
        if (state->options().refuses_graphs) {
            ++state->counters().refused_graphs;
            throw CallFailure{TENSILE_FAULT, "graphs are refused"};
        }
        ++state->counters().recorded_graphs;
        *graph = opened<TensileGraph>(state, new Graph{state, std::move(actions)});
    });
}

std::int32_t graph_launch(TensileGraph* handle, TensileStream* stream_handle, TensileStatus* status) {
    Stream& stream = stream_of(stream_handle);
    State* const state = stream.state;
    return state->call(status, [&] {
        std::vector<FakeAction> actions = graph_of(handle).actions;
        state->strike(FakeFault::Call::kGraphLaunch, actions.front());
        ++state->counters().graph_launches;
        for (FakeAction& action : actions)
            state->enqueue(stream, std::move(action));
    });
}

void graph_destroy(TensileGraph* graph) {
    closed<Graph>(graph);
}

TensileDeviceTable make_table(const FakePluginOptions& options) {
    TensileDeviceTable table{};
    table.size = options.table_bytes;
    table.version = options.version;
    table.device_count = device_count;
    table.open = open_device;
    table.close = close_device;
    table.properties = properties;
    table.slab_allocate = slab_allocate;
    table.slab_free = slab_free;
    table.host_allocate = host_allocate;
    table.host_free = host_free;
    table.host_register = host_register;
    table.host_unregister = host_unregister;
    table.stream_create = stream_create;
    table.stream_destroy = stream_destroy;
    table.stream_synchronize = stream_synchronize;
    table.stream_wait_event = stream_wait_event;
    table.event_create = event_create;
    table.event_destroy = event_destroy;
    table.event_record = event_record;
    table.event_query = event_query;
    table.event_synchronize = event_synchronize;
    table.event_elapsed = event_elapsed;
    table.copy = copy;
    table.fill = fill;
    table.supports = supports;
    table.prepare = prepare;
    table.kernel_release = kernel_release;
    table.launch = launch;
    table.graph_begin = graph_begin;
    table.graph_end = graph_end;
    table.graph_launch = graph_launch;
    table.graph_destroy = graph_destroy;
    return table;
}

}  // namespace

FakePlugin::State::State(FakePluginOptions options) : options_(std::move(options)), table_(make_table(options_)) {}

FakePlugin::FakePlugin(FakePluginOptions options) : state_(std::make_unique<State>(std::move(options))) {
    State* nobody = nullptr;
    if (!living.compare_exchange_strong(nobody, state_.get())) throw InternalError("another fake plug-in lives");
}

FakePlugin::~FakePlugin() {
    living = nullptr;
}

const TensileDeviceTable* FakePlugin::table() const {
    return &state_->table();
}

void FakePlugin::inject(const FakeFault& fault) {
    const std::scoped_lock lock(state_->mutex());
    state_->inject(fault);
}

FakePluginCounters FakePlugin::counters() const {
    const std::scoped_lock lock(state_->mutex());
    return state_->counters();
}

double FakePlugin::virtual_seconds() const {
    const std::scoped_lock lock(state_->mutex());
    return state_->lanes().now();
}

std::vector<std::string> FakePlugin::complaints() const {
    const std::scoped_lock lock(state_->mutex());
    return state_->complaints();
}

}  // namespace tensile::testing
