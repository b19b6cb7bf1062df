// What the service manager does to the whole server when the kernel kills one of its processes for memory. systemd's
// default is to stop the service, which would turn the loss of an engine into the loss of the server. Reads unit files
// only; knows neither PostgreSQL nor D-Bus.
#pragma once

#include "pg/cpp_only.h"

#include <filesystem>
#include <optional>
#include <string>

namespace tensile {

// A warning, as a full sentence, when this process runs in a systemd service whose OOMPolicy is not "continue". Nothing
// outside systemd. `root` is where the file system begins.
std::optional<std::string> service_policy_warning(const std::filesystem::path& root = "/");

}  // namespace tensile
