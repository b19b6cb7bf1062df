// Command line, parent and signals.
#include "engine/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "tensor/error.h"

namespace tensile {

namespace {

int number_in(std::string_view name, std::string_view value) {
    int number = 0;
    const auto result = std::from_chars(value.data(), value.data() + value.size(), number);
    if (result.ec != std::errc() || result.ptr != value.data() + value.size() || number < 0)
        throw Error(sqlstate::kInvalidParameterValue,
                    "invalid value for option \"" + std::string(name) + "\": \"" + std::string(value) + "\"");
    return number;
}

}  // namespace

ProcessArguments parse_arguments(int argument_count, const char* const* arguments) {
    ProcessArguments parsed;
    for (int i = 1; i < argument_count; ++i) {
        const std::string_view argument = arguments[i];
        const std::size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        const std::string_view value = equals == std::string_view::npos ? "" : argument.substr(equals + 1);
        if (name == "--supervisor-pid") {
            parsed.supervisor_pid = number_in(name, value);
        } else if (name == "--listen-fd") {
            parsed.listen_descriptor = number_in(name, value);
        } else if (name == "--control-fd") {
            parsed.control_descriptor = number_in(name, value);
        } else if (name == "--run-directory") {
            parsed.run_directory = value;
        } else {
            throw Error(sqlstate::kInvalidParameterValue, "unrecognized option \"" + std::string(argument) + "\"");
        }
    }
    if (parsed.supervisor_pid == 0 || parsed.listen_descriptor < 0 || parsed.control_descriptor < 0 ||
        parsed.run_directory.empty())
        throw Error(sqlstate::kInvalidParameterValue, "tensile-engine is started by the tensile extension only", "",
                    "Its options are --supervisor-pid, --listen-fd, --control-fd and --run-directory.");
    return parsed;
}

void die_with_supervisor(pid_t supervisor_pid) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The supervisor may have died before the kernel knew of the wish.
    if (getppid() != supervisor_pid) throw Error(sqlstate::kObjectNotInState, "the supervisor is gone");
}

void prepare_process() {
    prctl(PR_SET_NAME, "tensile-engine");
    signal(SIGPIPE, SIG_IGN);
    // Log lines go to a pipe; a supervisor that does not read must not stop us.
    if (const int flags = fcntl(STDERR_FILENO, F_GETFL); flags >= 0) fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    rlimit descriptors{};
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}

protocol::Descriptor open_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    protocol::Descriptor descriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!descriptor)
        throw Error(sqlstate::kInsufficientResources, "could not wait for signals",
                    std::string(std::strerror(errno)) + ".");
    return descriptor;
}

int next_signal(const protocol::Descriptor& signals) {
    signalfd_siginfo info{};
    const ssize_t bytes = ::read(signals.get(), &info, sizeof info);
    return bytes == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace tensile
