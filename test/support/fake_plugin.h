// A CUDA plug-in without CUDA: the C table of device/cuda/plugin_abi.h over hidden memory (fake_memory.h), lanes with a
// virtual clock (fake_lanes.h) and reference kernels (fake_kernel.h), with faults where a test wants them. It drives
// everything the engine has for CUDA devices on machines that have none.
//
// The table's functions find their fake through a handle, except those that come before there is one: only one fake
// may live at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "device/cuda/plugin_abi.h"
#include "device/cuda/plugin_library.h"

namespace tensile::testing {

struct FakePluginOptions {
    std::uint32_t version = TENSILE_DEVICE_ABI_VERSION;
    std::uint32_t table_bytes = sizeof(TensileDeviceTable);
    TensileCode driver = TENSILE_OK;  // TENSILE_NO_DRIVER, TENSILE_OLD_DRIVER: what device_count answers
    int devices = 1;
    int multiprocessors = 8;  // what the engine expects of times
    std::uint64_t memory_bytes = std::uint64_t{256} << 20;
    std::uint64_t pinned_bytes = std::uint64_t{256} << 20;  // that can be page-locked at once
    std::uint64_t scratch_bytes = 256;                      // of every kernel
    std::set<std::string> without_kernel = {};              // ops that prepare() refuses
    // Modelled times.
    double launch_seconds = 5e-6;
    double flops_per_second = 1e12;
    double memory_bytes_per_second = 1e11;
    double copy_latency = 10e-6;
    double copy_bytes_per_second = 1e10;
    bool refuses_graphs = false;  // graph_end returns a failure and no graph
};

// What can fail from now on.
struct FakeFault {
    enum class Call : std::uint8_t { kLaunch, kCopy, kGraphLaunch };
    Call call = Call::kLaunch;
    int after = 0;  // so many such calls still succeed
    // A failure that is not sticky is the answer to the call. A sticky one strikes when the work runs and is the answer
    // to every later call.
    bool sticky = false;
    TensileCode code = TENSILE_FAULT;
};

struct FakePluginCounters {
    std::uint64_t launches = 0;  // of kernels, outside graphs
    std::uint64_t copies = 0;
    std::uint64_t prepared = 0;        // kernels
    std::uint64_t prepared_again = 0;  // of these, with a choice of an earlier time
    std::uint64_t recorded_graphs = 0;
    std::uint64_t refused_graphs = 0;
    std::uint64_t graph_launches = 0;
    std::uint64_t waits = 0;  // of the host
    // Made and not yet given back: streams, events, kernels, graphs, memory, devices.
    std::int64_t open_objects = 0;
};

class FakePlugin {
  public:
    explicit FakePlugin(FakePluginOptions options = {});
    ~FakePlugin();
    FakePlugin(const FakePlugin&) = delete;
    FakePlugin& operator=(const FakePlugin&) = delete;

    const TensileDeviceTable* table() const;
    // As the loader would have it.
    std::shared_ptr<const PluginLibrary> as_library() const { return std::make_shared<const PluginLibrary>(table()); }

    void inject(const FakeFault& fault);
    FakePluginCounters counters() const;
    double virtual_seconds() const;
    // What no correct caller does, one line each: races of streams, addresses outside the slab, objects left open at
    // the device's end. Tests expect it to be empty.
    std::vector<std::string> complaints() const;

    class State;

  private:
    std::unique_ptr<State> state_;
};

}  // namespace tensile::testing
