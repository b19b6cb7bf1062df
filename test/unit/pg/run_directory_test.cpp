// The run directory and the state file, in a folder that plays the data directory.
#include "pg/run_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "client/connection.h"
#include "pg/supervisor_state.h"

namespace tensile {
namespace {

namespace fs = std::filesystem;

class RunDirectoryTest : public testing::Test {
  protected:
    void SetUp() override {
        before_ = fs::current_path();
        folder_ = fs::temp_directory_path() / ("tensile_run_directory_" + std::to_string(getpid()));
        fs::create_directories(folder_);
        fs::current_path(folder_);
    }
    void TearDown() override {
        fs::current_path(before_);
        fs::remove_all(folder_);
    }

    fs::path before_;
    fs::path folder_;
};

TEST_F(RunDirectoryTest, IsPrivateEvenIfItWasNot) {
    ::mkdir(kRunDirectory, 0755);
    ASSERT_TRUE(RunDirectory::lock());
    EXPECT_EQ(fs::status(kRunDirectory).permissions(), fs::perms::owner_all);
}

TEST_F(RunDirectoryTest, HasOneHolder) {
    auto first = RunDirectory::lock();
    ASSERT_TRUE(first);
    EXPECT_FALSE(RunDirectory::lock());
    first.reset();
    EXPECT_TRUE(RunDirectory::lock());
}

TEST_F(RunDirectoryTest, EmptiesAllButTheLock) {
    const auto directory = RunDirectory::lock();
    ASSERT_TRUE(directory);
    std::ofstream(fs::path(kRunDirectory) / "spill.1") << "old";
    fs::create_directories(fs::path(kRunDirectory) / "deep/deeper");
    directory->empty();
    ASSERT_EQ(std::distance(fs::directory_iterator(kRunDirectory), fs::directory_iterator()), 1);
    EXPECT_FALSE(RunDirectory::lock());
}

TEST_F(RunDirectoryTest, ClientsWaitInTheSocketsQueue) {
    const auto directory = RunDirectory::lock();
    ASSERT_TRUE(directory);
    std::unique_ptr<client::Connection> connection;
    EXPECT_EQ(client::Connection::connect(kSocketPath, connection), client::ConnectStatus::kAbsent);
    {
        const Descriptor listening = directory->listen();
        EXPECT_EQ(client::Connection::connect(kSocketPath, connection), client::ConnectStatus::kConnected);
    }
    // A socket that its owner left behind.
    EXPECT_EQ(client::Connection::connect(kSocketPath, connection), client::ConnectStatus::kAbsent);
    const Descriptor again = directory->listen();
    EXPECT_EQ(client::Connection::connect(kSocketPath, connection), client::ConnectStatus::kConnected);
    directory->remove_socket();
    EXPECT_EQ(client::Connection::connect(kSocketPath, connection), client::ConnectStatus::kAbsent);
}

TEST_F(RunDirectoryTest, StateComesBackAsItWasWritten) {
    const auto directory = RunDirectory::lock();
    ASSERT_TRUE(directory);
    EXPECT_EQ(read_supervisor_state(), std::nullopt);
    SupervisorState state;
    state.build_id = "0123456789ab";
    state.server_started_at = 848'749'193'327'732;
    state.supervisor_pid = 10;
    state.engine_pid = 11;
    state.state = "backing off";
    state.restarts = 3;
    state.failed_starts = 2;
    state.last_failure = "it said \"no\"\n";
    write_supervisor_state(state);
    EXPECT_EQ(read_supervisor_state(), state);
}

TEST_F(RunDirectoryTest, UnreadableStateIsNone) {
    const auto directory = RunDirectory::lock();
    ASSERT_TRUE(directory);
    std::ofstream(kStatePath) << "{\"state\": ";
    EXPECT_EQ(read_supervisor_state(), std::nullopt);
    std::ofstream(kStatePath) << "{\"state\": 5}";
    EXPECT_EQ(read_supervisor_state(), std::nullopt);
    std::ofstream(kStatePath) << "[]";
    EXPECT_EQ(read_supervisor_state(), std::nullopt);
}

TEST_F(RunDirectoryTest, BytesThatAreNoTextDoNotBreakTheState) {
    const auto directory = RunDirectory::lock();
    ASSERT_TRUE(directory);
    SupervisorState state;
    state.last_failure = "bad \xff byte";
    write_supervisor_state(state);
    const auto read = read_supervisor_state();
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->last_failure.starts_with("bad "));
}

}  // namespace
}  // namespace tensile
