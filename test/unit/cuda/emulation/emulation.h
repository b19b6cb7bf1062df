// What tests and the emulated libraries know of the emulated device beyond CUDA's own interface: enqueueing work on a
// stream, injected failures, and whether anything was written outside an allocation.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "unit/cuda/emulation/block_runner.h"
#include "unit/cuda/emulation/cuda_runtime.h"

namespace tensile::cuda_emulation {

// Runs the work, or records it when the stream captures a graph.
void enqueue(cudaStream_t stream, std::function<void()> work);
bool is_capturing(cudaStream_t stream);

// A grid of threads that each run body().
void launch(dim3 grid, dim3 block, cudaStream_t stream, std::function<void()> body);

// What is there. Afterwards as before any call.
struct Machine {
    int driver_version = 13000;  // 0: there is no driver
    int devices = 1;
    int compute_capability = 90;
    std::size_t memory_bytes = std::size_t{8} << 30;
};
void set_machine(const Machine& machine);

// The next call that enqueues or asks an event fails so; sticky errors also fail every call after it, until reset().
void fail_next(cudaError_t error);
void reset_errors();
// What went wrong in kernels and in the emulated libraries, in words; empty: nothing. Reading forgets it.
std::string take_complaints();
void complain(const std::string& text);

// Allocations of device and page-locked memory that are there.
std::size_t allocation_count();
// Checks the zones around all allocations for writes that went astray; describes the first, or returns nothing.
std::string damaged_guard();
// Whether [address, address + bytes) lies inside one allocation of device memory.
bool is_device_memory(const void* address, std::size_t bytes);

}  // namespace tensile::cuda_emulation
