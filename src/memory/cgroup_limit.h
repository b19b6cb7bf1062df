// How much memory this process may use before the kernel kills it: the least memory limit of its control group and that
// group's ancestors (versions 1 and 2), and the machine's memory. The engine clamps its budgets to it, because an
// engine killed for its memory would stop the service (and with systemd's default policy all of PostgreSQL).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace tensile {

// The control group's limit in bytes; nothing when there is none or none can be read. `root` stands for "/".
std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root = "/");

// The machine's memory, from /proc/meminfo.
std::optional<std::uint64_t> physical_memory(const std::filesystem::path& root = "/");

// The lesser of the two; nothing when neither is known.
std::optional<std::uint64_t> memory_limit(const std::filesystem::path& root = "/");

// The two budgets of the engine.
struct MemoryBudgets {
    std::uint64_t pool = 0;
    std::uint64_t host = 0;
    bool operator==(const MemoryBudgets&) const = default;
};

// `wanted`, shrunk in proportion so that both fit into `limit` with an eighth left for code, stacks and the kernel.
MemoryBudgets clamp_budgets(const MemoryBudgets& wanted, std::optional<std::uint64_t> limit);

}  // namespace tensile
