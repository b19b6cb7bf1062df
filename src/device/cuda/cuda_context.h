// An open device of the CUDA plug-in. Everything made from the device shares this object, so that it closes last; every
// call of the table that can fail goes through it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "device/cuda/plugin_library.h"
#include "device/cuda/plugin_status.h"
#include "tensor/error.h"

namespace tensile {

// Told of an error after which the device can be used again only by another process. It should say so in the log and
// end the process; when it returns, the error is thrown as any other. Called by any thread, by several at once.
using DeviceFaultHandler = std::function<void(const Error& error)>;

class CudaContext {
  public:
    // `on_fault` may be empty. Throws Error (see plugin_status.h).
    CudaContext(std::shared_ptr<const PluginLibrary> library, int ordinal, DeviceFaultHandler on_fault);
    ~CudaContext();
    CudaContext(const CudaContext&) = delete;
    CudaContext& operator=(const CudaContext&) = delete;

    const TensileDeviceTable& table() const { return library_->table(); }
    TensileDevice* device() const { return device_; }

    // Calls a function of the table with a status behind `arguments`, and throws Error unless it succeeds; `attempt`
    // completes "could not ...".
    template <typename Function, typename... Arguments>
    void call(std::string_view attempt, Function function, Arguments... arguments) const {
        TensileStatus status = empty_status();
        if (function(arguments..., &status) != TENSILE_OK) [[unlikely]]
            fail(status, attempt);
    }

    // Throws the error; tells the fault handler first where there is no way back.
    [[noreturn]] void fail(const TensileStatus& status, std::string_view attempt) const;

  private:
    std::shared_ptr<const PluginLibrary> library_;
    DeviceFaultHandler on_fault_;
    TensileDevice* device_ = nullptr;
};

}  // namespace tensile
