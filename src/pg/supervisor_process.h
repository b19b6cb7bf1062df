// The engine as a child process: spawned with nothing inherited but what it needs, asked or forced to end, reaped; the
// lines it logs and its end of the control channel. Knows neither PostgreSQL nor when to do any of this.
#pragma once

#include "pg/cpp_only.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "pg/settings.h"
#include "pg/supervisor_state.h"
#include "protocol/descriptor.h"

namespace tensile {

using protocol::Descriptor;

enum class EngineLogLevel : std::uint8_t { kDebug, kInfo, kLog, kWarning, kError };

struct EngineLogLine {
    EngineLogLevel level = EngineLogLevel::kLog;
    std::string text;
};

// Cuts the bytes of the engine's standard error into lines "LEVEL<TAB>text". Overlong lines come in pieces.
class EngineLogLines {
  public:
    void append(const char* bytes, std::size_t count) { buffer_.append(bytes, count); }
    // The next complete line.
    std::optional<EngineLogLine> next();
    // What is left when the engine has ended in the middle of a line.
    std::optional<EngineLogLine> rest();

  private:
    std::string buffer_;
};

// What the engine says of its start: that it serves, or why it will not.
struct EngineReady {
    std::string device;
};
using EngineReport = std::variant<EngineReady, StartFailure>;

class EngineProcess {
  public:
    // Starts `path`; the child accepts clients from `listening`. Throws Error 58030.
    static EngineProcess spawn(const std::string& path, const std::string& run_directory, const Descriptor& listening);

    pid_t pid() const { return pid_; }
    // To be watched for reading; -1 once it has ended.
    int log_descriptor() const { return log_.get(); }
    int control_descriptor() const { return control_.get(); }

    // Reads what has been logged into `lines`, without waiting. At the end of the stream closes it.
    void read_log(EngineLogLines& lines);
    // Sends the settings. A child that is gone is no error: it will be reaped.
    void configure(const EngineSettings& settings);
    // The engine's report, if it has arrived. Closes a channel that has ended.
    std::optional<EngineReport> try_receive_report();

    void terminate() const;  // asks for an orderly end
    void kill() const;
    // The wait status once it has ended.
    std::optional<int> try_reap();

  private:
    pid_t pid_ = 0;
    Descriptor log_;
    Descriptor control_;
};

// "was terminated by signal 9: Killed", "exited with status 1".
std::string describe_exit(int status);

// How many processes the kernel has killed for memory since it started, anywhere on this machine; -1 when it does not
// tell.
std::int64_t memory_kills();

// Ends an engine that an earlier supervisor left behind, if `pid` still is one, and waits for that.
void end_stray_engine(pid_t pid, pid_t its_supervisor);

}  // namespace tensile
