// Reading of settings.
#include "engine/settings.h"

namespace tensile {

Settings settings_from(const protocol::Configuration& configuration) {
    Settings settings;
    if (configuration.pool_size() > 0) settings.pool_size = configuration.pool_size();
    if (configuration.host_memory() > 0) settings.host_memory = configuration.host_memory();
    settings.pinned_memory = configuration.pinned_memory();
    settings.spill_directory = protocol::text_of(configuration.spill_directory());
    settings.spill_limit = configuration.spill_limit();
    settings.threads = configuration.threads() > 0 ? configuration.threads() : 0;
    if (configuration.device() != nullptr) settings.device = protocol::text_of(configuration.device());
    settings.log_level = log_level_named(protocol::text_of(configuration.log_level()));
    return settings;
}

}  // namespace tensile
