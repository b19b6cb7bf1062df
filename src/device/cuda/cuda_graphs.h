// Graphs of a binding: a sequence of ops that is launched again and again with the same addresses and extents is
// recorded once, so that a small network costs the host one call instead of one an op.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/cuda/cuda_program.h"

namespace tensile {

class CudaGraphs {
  public:
    // The graph that does what launching `ops` would, or null where they have to be launched one by one: the first
    // times, and where the plug-in could not record them. `pointers` are the binding's, `ops` a part of a list that
    // outlives this object. Records on `stream`, on which nothing is enqueued meanwhile. Throws Error when the device
    // is lost. Allocates only while there are new sequences, addresses or extents.
    TensileGraph* graph_for(const CudaProgram& program, std::span<void* const> pointers,
                            std::span<const std::int32_t> ops, std::span<const std::int64_t> extents,
                            TensileStream* stream);

  private:
    struct Destroy {
        const TensileDeviceTable* table;
        void operator()(TensileGraph* graph) const { table->graph_destroy(graph); }
    };
    using Graph = std::unique_ptr<TensileGraph, Destroy>;
    struct Entry {
        std::span<const std::int32_t> ops;
        std::vector<std::int64_t> extents;
        std::vector<void*> pointers;  // of the ops, one after another
        Graph graph{nullptr, {}};
        int plain_runs = 0;
        bool is_refused = false;
        std::uint64_t last_use = 0;
    };

    static bool matches(const Entry& entry, const CudaProgram& program, std::span<void* const> pointers,
                        std::span<const std::int32_t> ops, std::span<const std::int64_t> extents);
    static void record(Entry& entry, const CudaProgram& program, std::span<void* const> pointers,
                       TensileStream* stream);
    Entry& entry_to_replace();

    static constexpr std::size_t kMostEntries = 8;
    std::array<Entry, kMostEntries> entries_;
    std::uint64_t uses_ = 0;
};

}  // namespace tensile
