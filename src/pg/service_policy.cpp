// See service_policy.h.
#include "pg/service_policy.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace tensile {
namespace {

namespace fs = std::filesystem;

// From the weakest to the strongest, as in systemd.unit(5).
constexpr std::array<std::string_view, 6> kUnitFolders = {"usr/lib/systemd/system",       "lib/systemd/system",
                                                          "usr/local/lib/systemd/system", "run/systemd/transient",
                                                          "run/systemd/system",           "etc/systemd/system"};

// "postgresql@15-main.service", from a line like "0::/system.slice/system-postgresql.slice/postgresql@15-main.service".
std::string service_of_this_process(const fs::path& root) {
    std::ifstream file(root / "proc/self/cgroup");
    std::string line;
    while (std::getline(file, line)) {
        const fs::path path(line.substr(line.rfind(':') + 1));
        std::string service;
        for (const fs::path& part : path)
            if (part.extension() == ".service") service = part.string();
        if (!service.empty()) return service;
    }
    return {};
}

// The value that the file gives to the key; the last one counts.
void read_value(const fs::path& path, std::string_view key, std::string& value) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        const std::size_t equals = line.find('=');
        if (equals == std::string::npos || std::string_view(line).substr(0, equals) != key) continue;
        value = line.substr(equals + 1);
        value.erase(value.find_last_not_of(" \t\r") + 1);
    }
}

void read_drop_ins(const fs::path& folder, std::string_view key, std::string& value) {
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
        if (entry.path().extension() == ".conf") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files)
        read_value(file, key, value);
}

std::string memory_kill_policy(const fs::path& root, const std::string& service) {
    // An instance "name@instance.service" has its template's files too.
    std::vector<std::string> names;
    const std::size_t at = service.find('@');
    if (at != std::string::npos) names.push_back(service.substr(0, at + 1) + ".service");
    names.push_back(service);

    std::string policy = "stop";
    read_value(root / "etc/systemd/system.conf", "DefaultOOMPolicy", policy);
    read_drop_ins(root / "etc/systemd/system.conf.d", "DefaultOOMPolicy", policy);
    for (const std::string& name : names)
        for (const std::string_view folder : kUnitFolders)
            read_value(root / folder / name, "OOMPolicy", policy);
    for (const std::string& name : names)
        for (const std::string_view folder : kUnitFolders)
            read_drop_ins(root / folder / (name + ".d"), "OOMPolicy", policy);
    return policy;
}

}  // namespace

std::optional<std::string> service_policy_warning(const fs::path& root) {
    const std::string service = service_of_this_process(root);
    if (service.empty()) return std::nullopt;
    const std::string policy = memory_kill_policy(root, service);
    if (policy == "continue") return std::nullopt;
    return "The systemd unit \"" + service + "\" has OOMPolicy=" + policy +
           ": if the kernel kills the engine for lack of memory, systemd stops the whole server. Install the drop-in "
           "oom-policy.conf that comes with tensile.";
}

}  // namespace tensile
