// Opens CUDA devices through the plug-in, and ends the process when one fails for good. Knows the plug-in's file, not
// which device is wanted.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>

#include "device/cuda/cuda_context.h"
#include "engine/device_choice.h"
#include "engine/log.h"

namespace tensile {

// The plug-in "tensile-cuda.so" beside this process's executable; for tests, what the environment variable
// TENSILE_CUDA_PLUGIN names instead.
std::filesystem::path plugin_path();

// An opener for choose_device(). `on_fault` is told of errors after which the device is of no more use to this process.
CudaOpener opener_of(std::filesystem::path plugin, int threads, DeviceFaultHandler on_fault);

// What becomes of such an error: while the engine starts, an error like others, so that another device may be chosen;
// from arm() on, one line in the log and the end of the process with ExitStatus::kDeviceFault. Nothing on the device
// can be saved, and its supervisor starts another. Thread-safe; outlives the device.
class DeviceFaultExit {
  public:
    explicit DeviceFaultExit(Log& log) : log_(log) {}

    void arm() noexcept { armed_.store(true); }
    void operator()(const Error& error) noexcept;

  private:
    Log& log_;
    std::atomic<bool> armed_{false};
    std::mutex ending_;
};

}  // namespace tensile
