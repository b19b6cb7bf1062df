// Reading and checking of settings.
#include "engine/settings.h"

#include "tensor/error.h"

namespace tensile {

Settings settings_from(const protocol::Configuration& configuration) {
    Settings settings;
    if (configuration.pool_size() > 0) settings.pool_size = configuration.pool_size();
    if (configuration.host_memory() > 0) settings.host_memory = configuration.host_memory();
    settings.spill_directory = protocol::text_of(configuration.spill_directory());
    settings.spill_limit = configuration.spill_limit();
    settings.threads = configuration.threads() > 0 ? configuration.threads() : 0;
    if (configuration.device() != nullptr) settings.device = protocol::text_of(configuration.device());
    settings.log_level = log_level_named(protocol::text_of(configuration.log_level()));
    return settings;
}

void require_supported_device(const Settings& settings) {
    if (settings.device == "auto" || settings.device == "cpu" || settings.device.empty()) return;
    if (settings.device.starts_with("cuda:"))
        throw Error(sqlstate::kFeatureNotSupported, "device \"" + settings.device + "\" is not available",
                    "This build of tensile has no CUDA plug-in.", "Set tensile.device to \"auto\" or \"cpu\".");
    throw Error(sqlstate::kInvalidParameterValue, "invalid device \"" + settings.device + "\"", "",
                "Set tensile.device to \"auto\" or \"cpu\".");
}

}  // namespace tensile
