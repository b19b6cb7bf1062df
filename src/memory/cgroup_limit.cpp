// Reads memory limits from /proc and /sys/fs/cgroup; see cgroup_limit.h.
#include "memory/cgroup_limit.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace tensile {

namespace {

namespace fs = std::filesystem;

// Version 1 writes a huge number of pages where there is no limit.
constexpr std::uint64_t kUnlimitedFrom = std::uint64_t{1} << 60;

std::optional<std::uint64_t> read_limit(const fs::path& file) {
    std::ifstream stream(file);
    std::string text;
    if (!(stream >> text)) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value >= kUnlimitedFrom) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> lesser(std::optional<std::uint64_t> left, std::optional<std::uint64_t> right) {
    if (!left || !right) return left ? left : right;
    return std::min(*left, *right);
}

// The least limit of `group` and its ancestors below `mount`. Inside a container the group's path may be that of the
// host and lead nowhere here; then the mount itself is the container's group.
std::optional<std::uint64_t> least_limit(const fs::path& mount, std::string_view group, const char* file) {
    std::optional<std::uint64_t> limit = read_limit(mount / file);
    fs::path directory = mount;
    for (const fs::path& part : fs::path(group).relative_path()) {
        if (part == "..") break;
        directory /= part;
        limit = lesser(limit, read_limit(directory / file));
    }
    return limit;
}

bool names_controller(std::string_view list, std::string_view controller) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (list.substr(0, comma) == controller) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

}  // namespace

std::optional<std::uint64_t> cgroup_memory_limit(const fs::path& root) {
    const fs::path mount = root / "sys/fs/cgroup";
    std::optional<std::uint64_t> limit;
    std::ifstream groups(root / "proc/self/cgroup");
    // Lines are "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers.
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
        const std::string_view path = std::string_view(line).substr(second + 1);
        if (controllers.empty()) {
            limit = lesser(limit, least_limit(mount, path, "memory.max"));
            limit = lesser(limit, least_limit(mount / "unified", path, "memory.max"));
        } else if (names_controller(controllers, "memory")) {
            limit = lesser(limit, least_limit(mount / "memory", path, "memory.limit_in_bytes"));
        }
    }
    return limit;
}

std::optional<std::uint64_t> physical_memory(const fs::path& root) {
    std::ifstream stream(root / "proc/meminfo");
    std::string key;
    std::uint64_t kilobytes = 0;
    std::string unit;
    while (stream >> key >> kilobytes) {
        if (key == "MemTotal:") return kilobytes * 1024;
        std::getline(stream, unit);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> memory_limit(const fs::path& root) {
    return lesser(cgroup_memory_limit(root), physical_memory(root));
}

MemoryBudgets clamp_budgets(const MemoryBudgets& wanted, std::optional<std::uint64_t> limit) {
    if (!limit) return wanted;
    const std::uint64_t usable = *limit - *limit / 8;
    if (wanted.pool <= usable && wanted.host <= usable - wanted.pool) return wanted;
    const long double total = static_cast<long double>(wanted.pool) + static_cast<long double>(wanted.host);
    const auto pool = static_cast<std::uint64_t>(static_cast<long double>(usable) * (wanted.pool / total));
    return {std::min(pool, usable), usable - std::min(pool, usable)};
}

}  // namespace tensile
