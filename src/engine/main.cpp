// The process tensile-engine: started by the supervisor with a listening socket and a control channel, it serves
// clients until it is told to stop, fails, or is told to quit at once (protocol/exit_status.h).
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "device/cpu/cpu_device.h"
#include "engine/cuda_opener.h"
#include "engine/device_choice.h"
#include "engine/engine.h"
#include "engine/listener.h"
#include "engine/log.h"
#include "engine/process.h"
#include "engine/settings.h"
#include "engine/supervisor_link.h"
#include "protocol/exit_status.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// An orderly stop that takes longer than this is given up.
constexpr std::chrono::seconds kStopPatience(5);

// The settings that the supervisor sends next; nothing when its channel is closed.
std::optional<Settings> receive_settings(SupervisorLink& supervisor, const ProcessArguments& arguments) {
    std::optional<Settings> settings = supervisor.receive_settings();
    if (settings && settings->spill_directory.empty()) settings->spill_directory = arguments.run_directory;
    return settings;
}

// Handles settings and signals until the engine is to stop.
void serve_until_stopped(Engine& engine, SupervisorLink& supervisor, const ProcessArguments& arguments,
                         const protocol::Descriptor& signals, Log& log) {
    std::array<pollfd, 2> events = {pollfd{signals.get(), POLLIN, 0}, pollfd{supervisor.descriptor(), POLLIN, 0}};
    while (true) {
        poll(events.data(), events.size(), -1);
        if (const int signal = next_signal(signals); signal == SIGQUIT) {
            _exit(static_cast<int>(protocol::ExitStatus::kQuit));
        } else if (signal != 0) {
            return;
        }
        if (events[1].revents == 0) continue;
        const std::optional<Settings> settings = receive_settings(supervisor, arguments);
        if (!settings) {
            log.warning("the supervisor has closed its channel to the tensile engine");
            return;
        }
        engine.configure(*settings);
    }
}

// With tensile.device = auto, a device that cannot even start an engine is none.
void start_engine(std::optional<Engine>& engine, const Settings& settings, DeviceFaultExit& faults, Log& log) {
    const CudaOpener open_cuda =
        opener_of(plugin_path(), settings.threads, [&faults](const Error& error) { faults(error); });
    std::unique_ptr<Device> device = choose_device(settings, open_cuda, log);
    const bool may_fall_back = settings.device == "auto" && device->hardware().has_value();
    try {
        engine.emplace(std::move(device), settings, TENSILE_BUILD_ID, log);
    } catch (const Error& error) {
        if (!may_fall_back) throw;
        log.log("using the CPU: " + in_one_line(error));
        engine.emplace(std::make_unique<CpuDevice>(settings.threads), settings, TENSILE_BUILD_ID, log);
    }
    faults.arm();
}

void run(const ProcessArguments& arguments, Log& log) {
    die_with_supervisor(arguments.supervisor_pid);
    prepare_process();
    const protocol::Descriptor signals = open_signals();
    SupervisorLink supervisor(arguments.control_descriptor);
    const std::optional<Settings> settings = receive_settings(supervisor, arguments);
    if (!settings) return;

    DeviceFaultExit faults(log);
    std::optional<Engine> started;
    try {
        start_engine(started, *settings, faults, log);
    } catch (const Error& error) {
        supervisor.report_failure(error);
        throw;
    }
    Engine& engine = *started;
    {
        const Listener listener(
            arguments.listen_descriptor,
            [&engine](protocol::Descriptor client) { engine.start_session(std::move(client)); }, log);
        supervisor.report_ready(engine.device_name());
        log.log("tensile engine is ready: " + engine.description());
        serve_until_stopped(engine, supervisor, arguments, signals, log);
    }
    if (engine.stop(kStopPatience)) {
        log.log("tensile engine is stopped");
        return;
    }
    // A session does not end; its memory cannot be taken away under its feet.
    log.warning("sessions of the tensile engine did not end in time");
    _exit(EXIT_SUCCESS);
}

}  // namespace

}  // namespace tensile

int main(int argument_count, char** arguments) {
    tensile::Log log(STDERR_FILENO);
    try {
        tensile::run(tensile::parse_arguments(argument_count, arguments), log);
        return EXIT_SUCCESS;
    } catch (const tensile::Error& error) {
        log.error(in_one_line(error));
    } catch (const std::exception& failure) {
        log.error(failure.what());
    }
    return EXIT_FAILURE;
}
