// oneDNN as a library: its version, the limits we set on it, and the engine that all primitives are made for. Only
// src/device/cpu/onednn_*.cpp include its headers, which change between its major versions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tensile {

class OnednnLibrary {
  public:
    // Bounds the process-wide primitive cache and opens the CPU engine. GPU engines are never enumerated: that would
    // load OpenCL drivers.
    OnednnLibrary();
    ~OnednnLibrary();

    // "oneDNN 2.6.3"
    static std::string version();
    // "AVX-512", "AVX2", "AVX", "SSE4.1" or "scalar": what it uses, which its environment may limit.
    static std::string_view instruction_set();
    // Whether a row of a matrix product has the same bits however many rows are computed with it. True of the AVX-512
    // kernels; the others fall back to other kernels for few rows.
    static bool rows_are_independent();
    // Primitives run on the calling thread alone only if OpenMP's team size is one, which is a setting of each thread:
    // to be called once in every thread before it creates or runs a primitive.
    static void prepare_thread();

    struct Engine;
    const Engine& engine() const { return *engine_; }

  private:
    std::unique_ptr<Engine> engine_;
};

}  // namespace tensile
