// See supervisor_process.h.
#include "pg/supervisor_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/channel.h"
#include "protocol/envelope.h"
#include "tensor/error.h"

extern char** environ;

namespace tensile {
namespace {

constexpr std::size_t kMaxLine = 8192;
constexpr int kListenDescriptor = 3;   // in the child
constexpr int kControlDescriptor = 4;  // in the child
// If memory runs out, the kernel shall take the engine, which costs its requests an error, and not a backend, which
// costs every session its connection.
constexpr std::string_view kMemoryKillScore = "500";
constexpr std::chrono::seconds kStrayLimit{10};

[[noreturn]] void fail(const std::string& action, int error_number) {
    throw Error(sqlstate::kIoError, "could not " + action + ": " + std::strerror(error_number));
}

// A copy out of the way of the numbers that the child gives to its descriptors.
Descriptor moved_up(const Descriptor& source) {
    Descriptor copy(::fcntl(source.get(), F_DUPFD_CLOEXEC, kControlDescriptor + 1));
    if (!copy) fail("duplicate a file descriptor", errno);
    return copy;
}

struct SpawnActions {
    SpawnActions() { posix_spawn_file_actions_init(&value); }
    ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    posix_spawn_file_actions_t value;
};

struct SpawnAttributes {
    SpawnAttributes() { posix_spawnattr_init(&value); }
    ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;
    posix_spawnattr_t value;
};

// Default handlers, nothing blocked, and a process group of its own: signals to the supervisor's group (the postmaster
// and pg_cancel_backend send those) are the supervisor's business.
void set_attributes(posix_spawnattr_t& attributes) {
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

std::optional<EngineLogLevel> level_named(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, EngineLogLevel>, 5> kNames{{{"DEBUG1", EngineLogLevel::kDebug},
                                                                                 {"INFO", EngineLogLevel::kInfo},
                                                                                 {"LOG", EngineLogLevel::kLog},
                                                                                 {"WARNING", EngineLogLevel::kWarning},
                                                                                 {"ERROR", EngineLogLevel::kError}}};
    for (const auto& [known, level] : kNames)
        if (name == known) return level;
    return std::nullopt;
}

EngineLogLine parse_line(std::string_view line) {
    const std::size_t tab = line.find('\t');
    if (tab != std::string_view::npos)
        if (const auto level = level_named(line.substr(0, tab))) return {*level, std::string(line.substr(tab + 1))};
    return {EngineLogLevel::kLog, std::string(line)};
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_engine_of(pid_t pid, pid_t supervisor) {
    const std::string arguments = read_file("/proc/" + std::to_string(pid) + "/cmdline");  // separated by '\0'
    const std::string wanted = std::string(1, '\0') + "--supervisor-pid=" + std::to_string(supervisor) + '\0';
    return arguments.find("tensile-engine") != std::string::npos && arguments.find(wanted) != std::string::npos;
}

}  // namespace

std::optional<EngineLogLine> EngineLogLines::next() {
    std::size_t end = buffer_.find('\n');
    if (end == std::string::npos && buffer_.size() < kMaxLine) return std::nullopt;
    if (end > kMaxLine) end = kMaxLine;
    EngineLogLine line = parse_line(std::string_view(buffer_).substr(0, end));
    buffer_.erase(0, buffer_[end] == '\n' ? end + 1 : end);
    return line;
}

std::optional<EngineLogLine> EngineLogLines::rest() {
    if (buffer_.empty()) return std::nullopt;
    EngineLogLine line = parse_line(buffer_);
    buffer_.clear();
    return line;
}

EngineProcess EngineProcess::spawn(const std::string& path, const std::string& run_directory,
                                   const Descriptor& listening) {
    int pipe_ends[2];
    if (::pipe2(pipe_ends, O_CLOEXEC) != 0) fail("create a pipe for the engine's log", errno);
    Descriptor log_read(pipe_ends[0]);
    Descriptor log_write(pipe_ends[1]);
    int control_ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control_ends) != 0)
        fail("create the engine's control channel", errno);
    Descriptor control_ours(control_ends[0]);
    Descriptor control_theirs(control_ends[1]);
    if (::fcntl(log_read.get(), F_SETFL, O_NONBLOCK) != 0) fail("set up a pipe for the engine's log", errno);

    const Descriptor log_source = moved_up(log_write);
    const Descriptor listen_source = moved_up(listening);
    const Descriptor control_source = moved_up(control_theirs);
    SpawnActions actions;
    posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions.value, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions.value, log_source.get(), STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions.value, listen_source.get(), kListenDescriptor);
    posix_spawn_file_actions_adddup2(&actions.value, control_source.get(), kControlDescriptor);
    posix_spawn_file_actions_addclosefrom_np(&actions.value, kControlDescriptor + 1);
    SpawnAttributes attributes;
    set_attributes(attributes.value);

    std::vector<std::string> arguments = {"tensile-engine", "--supervisor-pid=" + std::to_string(::getpid()),
                                          "--listen-fd=" + std::to_string(kListenDescriptor),
                                          "--control-fd=" + std::to_string(kControlDescriptor),
                                          "--run-directory=" + run_directory};
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);

    EngineProcess process;
    const int error_number =
        ::posix_spawn(&process.pid_, path.c_str(), &actions.value, &attributes.value, argv.data(), environ);
    if (error_number != 0) fail("start \"" + path + "\"", error_number);
    process.log_ = std::move(log_read);
    process.control_ = std::move(control_ours);

    const std::string score = "/proc/" + std::to_string(process.pid_) + "/oom_score_adj";
    Descriptor file(::open(score.c_str(), O_WRONLY | O_CLOEXEC));
    // A kernel that refuses this only chooses less well.
    if (file) [[maybe_unused]]
        const ssize_t written = ::write(file.get(), kMemoryKillScore.data(), kMemoryKillScore.size());
    return process;
}

void EngineProcess::read_log(EngineLogLines& lines) {
    std::array<char, kMaxLine> bytes;
    while (log_) {
        const ssize_t count = ::read(log_.get(), bytes.data(), bytes.size());
        if (count > 0) {
            lines.append(bytes.data(), static_cast<std::size_t>(count));
            // Let the caller log what there is before reading on: an engine that floods must not take all memory.
            if (static_cast<std::size_t>(count) == bytes.size()) return;
            continue;
        }
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        log_ = Descriptor();
    }
}

void EngineProcess::configure(const EngineSettings& settings) {
    if (!control_) return;
    flatbuffers::FlatBufferBuilder builder;
    const auto message = protocol::CreateConfigurationDirect(
        builder, settings.pool_size, settings.host_memory, settings.pinned_memory, settings.spill_directory.c_str(),
        settings.spill_limit, settings.threads, settings.device.c_str(), settings.log_level.c_str());
    std::string problem;
    const auto status = protocol::send_packet(control_.get(), protocol::seal_envelope(builder, message), -1,
                                              /*block=*/false, problem);
    if (status == protocol::IoStatus::kFailed)
        throw Error(sqlstate::kIoError, "could not send the settings to the engine", problem + ".");
}

std::optional<EngineReport> EngineProcess::try_receive_report() {
    if (!control_) return std::nullopt;
    alignas(protocol::kPacketAlignment) std::array<std::byte, protocol::kMaxPacket> packet;
    const protocol::Received received = protocol::receive_packet(control_.get(), packet, /*block=*/false);
    if (received.descriptor >= 0) ::close(received.descriptor);
    if (received.status == protocol::IoStatus::kWouldBlock) return std::nullopt;
    if (received.status == protocol::IoStatus::kOk) {
        std::string problem;
        const protocol::Envelope* envelope = protocol::open_envelope({packet.data(), received.bytes}, problem);
        if (envelope != nullptr) {
            const auto text = [](const flatbuffers::String* from) { return std::string(protocol::text_of(from)); };
            if (const auto* ready = envelope->message_as_EngineReady()) return EngineReady{text(ready->device())};
            if (const auto* error = envelope->message_as_ErrorReply())
                return StartFailure{text(error->sqlstate()), text(error->message()), text(error->detail()),
                                    text(error->hint())};
        }
    }
    control_ = Descriptor();
    return std::nullopt;
}

void EngineProcess::terminate() const {
    ::kill(pid_, SIGTERM);
}

void EngineProcess::kill() const {
    ::kill(pid_, SIGKILL);
}

std::optional<int> EngineProcess::try_reap() {
    int status = 0;
    pid_t ended = 0;
    do {
        ended = ::waitpid(pid_, &status, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended == 0) return std::nullopt;
    return status;
}

std::string describe_exit(int status) {
    if (WIFSIGNALED(status))
        return "was terminated by signal " + std::to_string(WTERMSIG(status)) + ": " + ::strsignal(WTERMSIG(status));
    return "exited with status " + std::to_string(WEXITSTATUS(status));
}

std::int64_t memory_kills() {
    std::ifstream file("/proc/vmstat");
    std::string name;
    std::int64_t value = 0;
    while (file >> name >> value)
        if (name == "oom_kill") return value;
    return -1;
}

void end_stray_engine(pid_t pid, pid_t its_supervisor) {
    if (pid <= 0 || its_supervisor <= 0) return;
    const auto limit = std::chrono::steady_clock::now() + kStrayLimit;
    while (is_engine_of(pid, its_supervisor) && std::chrono::steady_clock::now() < limit) {
        ::kill(pid, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

}  // namespace tensile
