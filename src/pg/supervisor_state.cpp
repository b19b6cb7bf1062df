// See supervisor_state.h.
#include "pg/supervisor_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "pg/run_directory.h"
#include "protocol/descriptor.h"
#include "tensor/error.h"

namespace tensile {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(StartFailure, sqlstate, message, detail, hint)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SupervisorState, build_id, server_started_at, supervisor_pid, engine_pid, state,
                                   stopped_on_request, restarts, failed_starts, started_at, device, last_failure,
                                   last_failure_at, start_failure, device_warning)

void write_supervisor_state(const SupervisorState& state) {
    const std::string path = kStatePath;
    const std::string temporary = path + ".new";
    // Texts come from outside (the engine's messages); bytes that are no UTF-8 are replaced rather than refused.
    const std::string text = nlohmann::json(state).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    const protocol::Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    const bool written = file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written || std::rename(temporary.c_str(), path.c_str()) != 0)
        throw Error(sqlstate::kIoError, "could not write file \"" + path + "\": " + std::strerror(errno));
}

std::optional<SupervisorState> read_supervisor_state() {
    std::ifstream file(kStatePath, std::ios::binary);
    if (!file) return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    const nlohmann::json json = nlohmann::json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return std::nullopt;
    try {
        return json.get<SupervisorState>();
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;  // written by another build
    }
}

std::string utc_now() {
    using namespace std::chrono;
    const auto now = system_clock::now();
    const std::time_t seconds = system_clock::to_time_t(now);
    const auto microseconds = duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
    std::tm fields{};
    gmtime_r(&seconds, &fields);
    std::array<char, 64> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &fields);
    std::snprintf(text.data() + length, text.size() - length, ".%06dZ", static_cast<int>(microseconds));
    return text.data();
}

}  // namespace tensile
