// See memory_budgets.h.
#include "engine/memory_budgets.h"

#include <algorithm>
#include <string>

#include "memory/cgroup_limit.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::uint64_t kLeastPool = std::uint64_t{16} << 20;  // of tensile.pool_size
// Left free on a device for what its driver takes by itself later (recorded graphs, stacks): a share, and at least so
// much.
constexpr std::uint64_t kReserveShare = 64;
constexpr std::uint64_t kLeastReserve = std::uint64_t{64} << 20;
// Page-locked memory can be used for nothing else, and the other uses of tensile.host_memory need some.
constexpr std::uint64_t kLargestPinnedPart = 2;

std::uint64_t room_for_pool(const DeviceHardware& device) {
    const std::uint64_t reserve = std::max(kLeastReserve, device.free_bytes / kReserveShare);
    // Whole megabytes: figures that people can read.
    return (device.free_bytes - std::min(reserve, device.free_bytes)) >> 20 << 20;
}

EngineBudgets budgets_on_device(const Settings& settings, const DeviceHardware& device,
                                std::optional<std::uint64_t> limit, Log& log) {
    EngineBudgets budgets;
    budgets.host = clamp_budgets({0, settings.host_memory}, limit).host;
    if (budgets.host != settings.host_memory)
        log.warning("tensile.host_memory exceeds the memory limit of " + in_megabytes(limit.value_or(0)) + "; using " +
                    in_megabytes(budgets.host));
    budgets.pool = std::min(settings.pool_size, room_for_pool(device));
    if (budgets.pool != settings.pool_size)
        log.warning("tensile.pool_size exceeds what is free on " + device.name + ", " +
                    in_megabytes(device.free_bytes) + "; using " + in_megabytes(budgets.pool));
    budgets.pinned = std::min(settings.pinned_memory, budgets.host / kLargestPinnedPart);
    if (budgets.pinned != settings.pinned_memory)
        log.warning("tensile.pinned_memory exceeds half of tensile.host_memory; using " + in_megabytes(budgets.pinned));
    return budgets;
}

}  // namespace

std::string in_megabytes(std::uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MB";
}

EngineBudgets budgets_for(const Settings& settings, const std::optional<DeviceHardware>& device,
                          std::optional<std::uint64_t> limit, Log& log) {
    if (device) return budgets_on_device(settings, *device, limit, log);
    const MemoryBudgets wanted{settings.pool_size, settings.host_memory};
    const MemoryBudgets given = clamp_budgets(wanted, limit);
    if (given != wanted)
        log.warning("tensile.pool_size and tensile.host_memory exceed the memory limit of " +
                    in_megabytes(limit.value_or(0)) + "; using " + in_megabytes(given.pool) + " and " +
                    in_megabytes(given.host));
    return {given.pool, given.host, 0};
}

std::uint64_t host_budget_beside(const EngineBudgets& given, const Settings& settings, bool pool_is_host,
                                 std::optional<std::uint64_t> limit, Log& log) {
    const std::uint64_t pool = pool_is_host ? given.pool : 0;
    // Asked as one budget: two would be shrunk in proportion, and the pool has what it has.
    const std::uint64_t both = clamp_budgets({0, pool + settings.host_memory}, limit).host;
    const std::uint64_t host = std::max(both - std::min(pool, both), given.pinned);
    if (host < settings.host_memory)
        log.warning("tensile.host_memory exceeds what the memory limit of " + in_megabytes(limit.value_or(0)) +
                    " has beside the pool; using " + in_megabytes(host));
    return host;
}

void require_room_for_pool(const DeviceHardware& device) {
    if (room_for_pool(device) >= kLeastPool) return;
    throw Error(sqlstate::kOutOfMemory, "not enough memory is free on " + device.name,
                in_megabytes(device.free_bytes) + " of " + in_megabytes(device.memory_bytes) +
                    " are free, and the least pool needs " + in_megabytes(kLeastPool + kLeastReserve) + ".");
}

}  // namespace tensile
