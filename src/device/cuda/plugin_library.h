// The file that the CUDA plug-in lives in: opened by dlopen, asked for its table, checked. Knows nothing of devices.
#pragma once

#include <filesystem>

#include "device/cuda/plugin_abi.h"

namespace tensile {

class PluginLibrary {
  public:
    // Throws Error 58000 when the file cannot be loaded or is not the plug-in of this engine.
    explicit PluginLibrary(const std::filesystem::path& file);
    // A table that is there already and outlives this object. Checked in the same way.
    explicit PluginLibrary(const TensileDeviceTable* table);
    ~PluginLibrary();
    PluginLibrary(const PluginLibrary&) = delete;
    PluginLibrary& operator=(const PluginLibrary&) = delete;

    const TensileDeviceTable& table() const { return *table_; }

  private:
    void* handle_ = nullptr;
    const TensileDeviceTable* table_ = nullptr;
};

}  // namespace tensile
