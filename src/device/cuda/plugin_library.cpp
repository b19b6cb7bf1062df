#include "device/cuda/plugin_library.h"

#include <dlfcn.h>

#include <string>

#include "tensor/error.h"

namespace tensile {

namespace {

[[noreturn]] void fail(std::string detail) {
    throw Error(sqlstate::kSystemError, "could not load the CUDA plug-in", std::move(detail),
                "Install the plug-in that belongs to this engine, or set tensile.device to 'cpu'.");
}

const TensileDeviceTable* checked(const TensileDeviceTable* table, const std::string& name) {
    if (table == nullptr)
        fail(name + " does not know version " + std::to_string(TENSILE_DEVICE_ABI_VERSION) + " of its interface.");
    if (table->version != TENSILE_DEVICE_ABI_VERSION)
        fail(name + " has version " + std::to_string(table->version) + " of its interface, the engine needs version " +
             std::to_string(TENSILE_DEVICE_ABI_VERSION) + ".");
    if (table->size < sizeof(TensileDeviceTable))
        fail(name + " has an older interface: its table has " + std::to_string(table->size) +
             " bytes, the engine needs " + std::to_string(sizeof(TensileDeviceTable)) + ".");
    return table;
}

}  // namespace

PluginLibrary::PluginLibrary(const std::filesystem::path& file) {
    // The table is promised for as long as the process lives, so the library must never be unmapped.
    handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle_ == nullptr) fail(std::string(dlerror()) + ".");
    try {
        const auto function = reinterpret_cast<TensileDeviceTableFunction>(dlsym(handle_, TENSILE_DEVICE_TABLE_SYMBOL));
        const std::string name = "File \"" + file.string() + "\"";
        if (function == nullptr) fail(name + " has no function \"" TENSILE_DEVICE_TABLE_SYMBOL "\".");
        table_ = checked(function(TENSILE_DEVICE_ABI_VERSION), name);
    } catch (...) {
        dlclose(handle_);
        throw;
    }
}

PluginLibrary::PluginLibrary(const TensileDeviceTable* table) : table_(checked(table, "The plug-in")) {}

PluginLibrary::~PluginLibrary() {
    if (handle_ != nullptr) dlclose(handle_);
}

}  // namespace tensile
