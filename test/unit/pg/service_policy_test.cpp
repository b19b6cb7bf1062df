// The warning about systemd's memory-kill policy, over made-up file systems.
#include "pg/service_policy.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace tensile {
namespace {

namespace fs = std::filesystem;

class ServicePolicy : public testing::Test {
  protected:
    void SetUp() override {
        root_ = fs::temp_directory_path() / ("tensile_service_policy_" + std::to_string(getpid()));
        fs::create_directories(root_);
    }
    void TearDown() override { fs::remove_all(root_); }

    void write(const std::string& path, const std::string& text) const {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }
    void in_service() const {
        write("proc/self/cgroup", "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n");
        write("lib/systemd/system/postgresql@.service", "[Service]\nType=forking\n");
    }

    fs::path root_;
};

TEST_F(ServicePolicy, NothingOutsideAService) {
    EXPECT_EQ(service_policy_warning(root_), std::nullopt);
    write("proc/self/cgroup", "0::/\n");
    EXPECT_EQ(service_policy_warning(root_), std::nullopt);
    write("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n");
    EXPECT_EQ(service_policy_warning(root_), std::nullopt);
}

TEST_F(ServicePolicy, WarnsOfTheDefault) {
    in_service();
    const auto warning = service_policy_warning(root_);
    ASSERT_TRUE(warning);
    EXPECT_NE(warning->find("postgresql@15-main.service"), std::string::npos);
    EXPECT_NE(warning->find("OOMPolicy=stop"), std::string::npos);
}

TEST_F(ServicePolicy, DropInOfTheTemplateCounts) {
    in_service();
    write("etc/systemd/system/postgresql@.service.d/tensile.conf", "# why\n[Service]\nOOMPolicy=continue\n");
    EXPECT_EQ(service_policy_warning(root_), std::nullopt);
}

TEST_F(ServicePolicy, DropInOfTheInstanceOverridesTheTemplate) {
    in_service();
    write("etc/systemd/system/postgresql@.service.d/tensile.conf", "[Service]\nOOMPolicy=continue\n");
    write("etc/systemd/system/postgresql@15-main.service.d/local.conf", "[Service]\nOOMPolicy=kill\n");
    EXPECT_TRUE(service_policy_warning(root_));
}

TEST_F(ServicePolicy, LaterDropInOverridesEarlier) {
    in_service();
    write("etc/systemd/system/postgresql@.service.d/10-a.conf", "OOMPolicy=continue\n");
    write("etc/systemd/system/postgresql@.service.d/20-b.conf", "OOMPolicy=stop\n");
    EXPECT_TRUE(service_policy_warning(root_));
}

TEST_F(ServicePolicy, DefaultOfTheManagerCounts) {
    in_service();
    write("etc/systemd/system.conf", "[Manager]\nDefaultOOMPolicy=continue\n");
    EXPECT_EQ(service_policy_warning(root_), std::nullopt);
}

TEST_F(ServicePolicy, ReadsTheOldHierarchyToo) {
    in_service();
    write("proc/self/cgroup", "12:memory:/user\n1:name=systemd:/system.slice/database.service\n");
    const auto warning = service_policy_warning(root_);
    ASSERT_TRUE(warning);
    EXPECT_NE(warning->find("database.service"), std::string::npos);
}

}  // namespace
}  // namespace tensile
