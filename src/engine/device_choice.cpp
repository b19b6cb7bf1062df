// See device_choice.h.
#include "engine/device_choice.h"

#include <cctype>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "device/cpu/cpu_device.h"
#include "engine/memory_budgets.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kCudaPrefix = "cuda:";

// The N of "cuda:N"; nothing for another name.
std::optional<int> cuda_ordinal(std::string_view name) {
    if (!name.starts_with(kCudaPrefix)) return std::nullopt;
    int ordinal = -1;
    const auto [end, error] = std::from_chars(name.data() + kCudaPrefix.size(), name.data() + name.size(), ordinal);
    if (error != std::errc() || end != name.data() + name.size() || ordinal < 0) return std::nullopt;
    return ordinal;
}

// One that has room for the least pool.
std::unique_ptr<Device> open_usable(const CudaOpener& open_cuda, int ordinal) {
    std::unique_ptr<Device> device = open_cuda(ordinal);
    if (const std::optional<DeviceHardware> hardware = device->hardware()) require_room_for_pool(*hardware);
    return device;
}

}  // namespace

std::unique_ptr<Device> choose_device(const Settings& settings, const CudaOpener& open_cuda, Log& log) {
    const auto cpu = [&] { return std::make_unique<CpuDevice>(settings.threads); };
    if (settings.device == "cpu") return cpu();
    if (settings.device == "auto") {
        try {
            return open_usable(open_cuda, 0);
        } catch (const Error& error) {
            log.log("using the CPU: " + in_one_line(error));
            return cpu();
        }
    }
    const std::optional<int> ordinal = cuda_ordinal(settings.device);
    if (!ordinal)
        throw Error(sqlstate::kInvalidParameterValue, "invalid device \"" + settings.device + "\"", {},
                    "Valid values are \"auto\", \"cpu\" and \"cuda:N\".");
    try {
        return open_usable(open_cuda, *ordinal);
    } catch (const Error& error) {
        std::string reason = in_one_line(error);
        reason.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(reason.front())));
        if (!reason.ends_with('.')) reason += '.';
        throw Error(
            error.sqlstate(), "device \"" + settings.device + "\" is not available", reason,
            error.hint().empty() ? "Set tensile.device to \"auto\" or \"cpu\" to go on without it." : error.hint());
    }
}

}  // namespace tensile
