// Log lines as the supervisor reads them.
#include "engine/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "protocol/descriptor.h"

namespace tensile {
namespace {

class LogTest : public testing::Test {
  protected:
    LogTest() {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        reader_ = protocol::Descriptor(ends[0]);
        writer_ = protocol::Descriptor(ends[1]);
    }
    std::string read_all() {
        std::string text;
        std::string part(65536, '\0');
        for (ssize_t bytes = 0; (bytes = ::read(reader_.get(), part.data(), part.size())) > 0;)
            text.append(part, 0, static_cast<std::size_t>(bytes));
        return text;
    }
    protocol::Descriptor reader_;
    protocol::Descriptor writer_;
};

TEST_F(LogTest, ALineHasItsLevel) {
    Log log(writer_.get());
    log.log("ready");
    log.warning("careful");
    log.error("broken");
    EXPECT_EQ(read_all(), "LOG\tready\nWARNING\tcareful\nERROR\tbroken\n");
}

TEST_F(LogTest, LinesBelowTheThresholdAreDropped) {
    Log log(writer_.get(), LogLevel::kWarning);
    log.log("no");
    log.warning("yes");
    log.set_threshold(LogLevel::kDebug);
    log.debug("now");
    EXPECT_EQ(read_all(), "WARNING\tyes\nDEBUG1\tnow\n");
}

TEST_F(LogTest, TextCannotForgeLines) {
    Log log(writer_.get());
    log.log("one\nERROR\ttwo\r\nthree");
    EXPECT_EQ(read_all(), "LOG\tone ERROR\ttwo  three\n");
}

TEST_F(LogTest, AVeryLongLineIsCut) {
    Log log(writer_.get());
    log.log(std::string(100000, 'x'));
    const std::string text = read_all();
    EXPECT_EQ(text.size(), 4096U);
    EXPECT_EQ(text.back(), '\n');
}

TEST_F(LogTest, AFullPipeLosesLinesAndTellsHowMany) {
    Log log(writer_.get());
    const std::string text(4000, 'x');
    for (int i = 0; i < 100; ++i)
        log.log(text);
    read_all();
    log.log("after");
    const std::string rest = read_all();
    EXPECT_EQ(rest.find("WARNING\t"), 0U) << rest;
    EXPECT_NE(rest.find("log lines of the tensile engine were lost\nLOG\tafter\n"), std::string::npos) << rest;
}

TEST(LogLevels, AreNamedAsPostgresqlNamesThem) {
    EXPECT_EQ(log_level_named("DEBUG1"), LogLevel::kDebug);
    EXPECT_EQ(log_level_named("WARNING"), LogLevel::kWarning);
    EXPECT_EQ(log_level_named("shout"), LogLevel::kLog);
}

}  // namespace
}  // namespace tensile
