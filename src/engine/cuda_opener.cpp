// See cuda_opener.h.
#include "engine/cuda_opener.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "device/cuda/cuda_device.h"
#include "protocol/exit_status.h"
#include "tensor/error.h"

namespace tensile {

namespace fs = std::filesystem;

fs::path plugin_path() {
    if (const char* path = std::getenv("TENSILE_CUDA_PLUGIN"); path != nullptr) return path;
    const fs::path link = "/proc/self/exe";
    std::error_code unreadable;
    const fs::path executable = fs::read_symlink(link, unreadable);
    // Never a relative path, which would lead into the database's files.
    return (unreadable ? link : executable).parent_path() / "tensile-cuda.so";
}

CudaOpener opener_of(fs::path plugin, int threads, DeviceFaultHandler on_fault) {
    return [plugin = std::move(plugin), threads, on_fault = std::move(on_fault)](int ordinal) {
        std::error_code unreadable;
        if (!fs::exists(plugin, unreadable))
            throw Error(sqlstate::kFeatureNotSupported, "this installation has no CUDA plug-in",
                        "There is no file \"" + plugin.string() + "\".",
                        "Install tensile as built on a machine with nvcc, or set tensile.device to \"cpu\".");
        return std::make_unique<CudaDevice>(std::make_shared<const PluginLibrary>(plugin),
                                            CudaDeviceOptions{ordinal, threads, on_fault});
    };
}

void DeviceFaultExit::operator()(const Error& error) noexcept {
    if (!armed_) return;
    // Several threads may meet the same fault: one tells, and the others wait for the end.
    const std::lock_guard lock(ending_);
    try {
        log_.error("device fault: " + in_one_line(error));
    } catch (...) {
        log_.error("device fault");
    }
    _exit(static_cast<int>(protocol::ExitStatus::kDeviceFault));
}

}  // namespace tensile
