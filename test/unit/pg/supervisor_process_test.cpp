// The engine as a child process, played by shell scripts: what it inherits, what it logs, how it ends.
#include "pg/supervisor_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/envelope.h"
#include "tensor/error.h"

namespace tensile {
namespace {

namespace fs = std::filesystem;

class SupervisorProcess : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("tensile_supervisor_process_" + std::to_string(getpid()));
        fs::create_directories(folder_);
        listening_ = Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    }
    void TearDown() override { fs::remove_all(folder_); }

    EngineProcess spawn(const std::string& script) const {
        const fs::path path = folder_ / "tensile-engine";
        std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
        ::chmod(path.c_str(), 0755);
        return EngineProcess::spawn(path, "run", listening_);
    }

    // Waits for the end; all that was logged is in `lines`.
    static int finish(EngineProcess& process, std::vector<EngineLogLine>& lines) {
        EngineLogLines reader;
        while (process.log_descriptor() >= 0) {
            pollfd entry{process.log_descriptor(), POLLIN, 0};
            ::poll(&entry, 1, -1);
            process.read_log(reader);
            while (auto line = reader.next())
                lines.push_back(*line);
        }
        if (auto line = reader.rest()) lines.push_back(*line);
        while (true) {
            if (const auto status = process.try_reap()) return *status;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    fs::path folder_;
    Descriptor listening_;
};

TEST_F(SupervisorProcess, ReplaysLinesWithTheirLevels) {
    auto process =
        spawn("printf 'WARNING\\tone\\nplain\\nDEBUG1\\ttwo\\twith tab\\nBOGUS\\tthree\\nERROR\\tlast' >&2; exit 3");
    std::vector<EngineLogLine> lines;
    const int status = finish(process, lines);
    EXPECT_EQ(describe_exit(status), "exited with status 3");
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[0].level, EngineLogLevel::kWarning);
    EXPECT_EQ(lines[0].text, "one");
    EXPECT_EQ(lines[1].level, EngineLogLevel::kLog);
    EXPECT_EQ(lines[1].text, "plain");
    EXPECT_EQ(lines[2].level, EngineLogLevel::kDebug);
    EXPECT_EQ(lines[2].text, "two\twith tab");
    EXPECT_EQ(lines[3].level, EngineLogLevel::kLog);
    EXPECT_EQ(lines[3].text, "BOGUS\tthree");
    EXPECT_EQ(lines[4].level, EngineLogLevel::kError);
    EXPECT_EQ(lines[4].text, "last");
}

TEST_F(SupervisorProcess, CutsOverlongLines) {
    auto process = spawn("head -c 20000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2");
    std::vector<EngineLogLine> lines;
    finish(process, lines);
    std::size_t total = 0;
    for (const auto& line : lines)
        total += line.text.size();
    EXPECT_GT(lines.size(), 2u);
    EXPECT_EQ(total, 20003u);
    EXPECT_EQ(lines.back().text, "end");
}

TEST_F(SupervisorProcess, InheritsOnlyWhatItNeeds) {
    // Whatever is open here, at numbers low and high, must not reach the child.
    const Descriptor low(::open("/dev/null", O_RDONLY));
    const Descriptor high(::fcntl(low.get(), F_DUPFD, 200));
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    ::signal(SIGPIPE, SIG_IGN);
    // The shell opens its own descriptor 10 or so for the script; bash and dash differ, so list before that matters.
    auto process = spawn(
        "grep -E 'Sig(Blk|Ign)' /proc/self/status >&2; ls -l /proc/$$/fd | sed -n 's/.* \\([0-9]* -> .*\\)/\\1/p' >&2");
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    std::vector<EngineLogLine> lines;
    finish(process, lines);
    bool saw_listening = false;
    bool saw_control = false;
    int null_inputs = 0;
    for (const auto& line : lines) {
        if (line.text.starts_with("Sig")) {
            // Signals 32 and 33 are the C library's own: nobody can set them.
            const auto signals = std::stoull(line.text.substr(line.text.find('\t') + 1), nullptr, 16);
            EXPECT_EQ(signals & ~0x180000000ull, 0u) << line.text;
            continue;
        }
        saw_listening |= line.text.starts_with("3 -> socket:");
        saw_control |= line.text.starts_with("4 -> socket:");
        null_inputs += line.text == "0 -> /dev/null" || line.text == "1 -> /dev/null" ? 1 : 0;
        EXPECT_FALSE(line.text.starts_with("200 ->")) << line.text;
        const bool other_null = line.text.ends_with("/dev/null") && line.text[0] != '0' && line.text[0] != '1';
        EXPECT_FALSE(other_null) << line.text;
    }
    EXPECT_TRUE(saw_listening);
    EXPECT_TRUE(saw_control);
    EXPECT_EQ(null_inputs, 2);
}

TEST_F(SupervisorProcess, PassesItsArguments) {
    auto process = spawn("echo \"$@\" >&2");
    std::vector<EngineLogLine> lines;
    finish(process, lines);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text,
              "--supervisor-pid=" + std::to_string(getpid()) + " --listen-fd=3 --control-fd=4 --run-directory=run");
}

TEST_F(SupervisorProcess, EndsWhenAsked) {
    auto process = spawn("trap 'exit 0' TERM; echo ready >&2; while :; do sleep 0.01; done");
    EngineLogLines reader;
    pollfd entry{process.log_descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, 10'000), 1);
    process.read_log(reader);
    EXPECT_EQ(process.try_reap(), std::nullopt);
    process.terminate();
    std::vector<EngineLogLine> lines;
    EXPECT_EQ(describe_exit(finish(process, lines)), "exited with status 0");
}

TEST_F(SupervisorProcess, TellsWhichSignalKilledIt) {
    auto process = spawn("kill -KILL $$");
    std::vector<EngineLogLine> lines;
    const int status = finish(process, lines);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(describe_exit(status), "was terminated by signal 9: Killed");
}

// What an engine writes to its control channel, here written to the parent's end by the test itself.
TEST_F(SupervisorProcess, TellsOfTheStartAsTheEngineReportsIt) {
    const auto report_of = [&](const auto& write) {
        flatbuffers::FlatBufferBuilder builder;
        const auto packet = protocol::seal_envelope(builder, write(builder));
        const fs::path file = folder_ / "packet";
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(packet.data()), static_cast<std::streamsize>(packet.size()));
        // One write, so one packet.
        auto process = spawn("dd if='" + file.string() + "' bs=65536 count=1 >&4 2>/dev/null; exec sleep 1000");
        pollfd entry{process.control_descriptor(), POLLIN, 0};
        ::poll(&entry, 1, 10'000);
        auto report = process.try_receive_report();
        process.kill();
        std::vector<EngineLogLine> lines;
        finish(process, lines);
        return report;
    };
    const auto ready = report_of([](auto& builder) { return protocol::CreateEngineReadyDirect(builder, "cpu"); });
    ASSERT_TRUE(ready.has_value());
    EXPECT_EQ(std::get<EngineReady>(*ready).device, "cpu");
    const auto failed = report_of([](auto& builder) {
        return protocol::CreateErrorReplyDirect(builder, "58000", "no device", "A detail.", "A hint.");
    });
    ASSERT_TRUE(failed.has_value());
    EXPECT_EQ(std::get<StartFailure>(*failed), (StartFailure{"58000", "no device", "A detail.", "A hint."}));
}

TEST_F(SupervisorProcess, MissingExecutableIsAnError) {
    try {
        EngineProcess::spawn(folder_ / "absent", "run", listening_);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kIoError);
        EXPECT_NE(error.message().find("absent"), std::string::npos);
    }
}

TEST_F(SupervisorProcess, LeavesOtherProcessesAlone) {
    // The id may have been used again: only an engine of that supervisor is killed.
    auto process = spawn("exec sleep 1000");
    end_stray_engine(process.pid(), getpid() + 1);
    EXPECT_EQ(process.try_reap(), std::nullopt);
    end_stray_engine(process.pid(), 0);
    EXPECT_EQ(process.try_reap(), std::nullopt);
    process.kill();
    std::vector<EngineLogLine> lines;
    finish(process, lines);
}

}  // namespace
}  // namespace tensile
