// The engine's command line and the settings it accepts.
#include "engine/process.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/settings.h"
#include "tensor/error.h"

namespace tensile {
namespace {

ProcessArguments parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "tensile-engine");
    return parse_arguments(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ProcessArguments, AreRead) {
    const ProcessArguments arguments =
        parse({"--supervisor-pid=12", "--listen-fd=3", "--control-fd=4", "--run-directory=pgsql_tmp_tensile"});
    EXPECT_EQ(arguments.supervisor_pid, 12);
    EXPECT_EQ(arguments.listen_descriptor, 3);
    EXPECT_EQ(arguments.control_descriptor, 4);
    EXPECT_EQ(arguments.run_directory, "pgsql_tmp_tensile");
}

TEST(ProcessArguments, MustBeCompleteAndNumbers) {
    EXPECT_THROW(parse({}), Error);
    EXPECT_THROW(parse({"--supervisor-pid=12", "--listen-fd=3", "--control-fd=4"}), Error);
    EXPECT_THROW(parse({"--supervisor-pid=12", "--listen-fd=x", "--control-fd=4", "--run-directory=r"}), Error);
    EXPECT_THROW(parse({"--supervisor-pid=12", "--listen-fd=-3", "--control-fd=4", "--run-directory=r"}), Error);
    EXPECT_THROW(parse({"--supervisor-pid=12", "--listen-fd=3", "--control-fd=4", "--run-directory=r", "--help"}),
                 Error);
}

TEST(Settings, AreReadFromTheSupervisorsMessage) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(
        protocol::CreateConfigurationDirect(builder, 1 << 26, 1 << 27, 1 << 25, "/spill", 1 << 28, 3, "cpu", "DEBUG1"));
    const Settings settings = settings_from(*flatbuffers::GetRoot<protocol::Configuration>(builder.GetBufferPointer()));
    EXPECT_EQ(settings.pool_size, 1U << 26);
    EXPECT_EQ(settings.host_memory, 1U << 27);
    EXPECT_EQ(settings.pinned_memory, 1U << 25);
    EXPECT_EQ(settings.spill_directory, "/spill");
    EXPECT_EQ(settings.spill_limit, 1U << 28);
    EXPECT_EQ(settings.threads, 3);
    EXPECT_EQ(settings.device, "cpu");
    EXPECT_EQ(settings.log_level, LogLevel::kDebug);
}

}  // namespace
}  // namespace tensile
