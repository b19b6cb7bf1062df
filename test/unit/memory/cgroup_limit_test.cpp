// Memory limits of control groups, read from a made-up root directory.
#include "memory/cgroup_limit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace tensile {
namespace {

class CgroupLimit : public ::testing::Test {
  protected:
    CgroupLimit() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tensile-cgroup-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a directory");
        root_ = pattern;
    }
    ~CgroupLimit() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }

    std::filesystem::path root_;
};

TEST_F(CgroupLimit, NothingIsKnownWithoutFiles) {
    EXPECT_EQ(cgroup_memory_limit(root_), std::nullopt);
    EXPECT_EQ(physical_memory(root_), std::nullopt);
    EXPECT_EQ(memory_limit(root_), std::nullopt);
}

TEST_F(CgroupLimit, VersionTwoTakesTheLeastOfAllAncestors) {
    write("proc/self/cgroup", "0::/system.slice/postgresql.service\n");
    write("sys/fs/cgroup/system.slice/postgresql.service/memory.max", "max\n");
    EXPECT_EQ(cgroup_memory_limit(root_), std::nullopt);
    write("sys/fs/cgroup/system.slice/memory.max", "4294967296\n");
    EXPECT_EQ(cgroup_memory_limit(root_), std::uint64_t{4294967296});
    write("sys/fs/cgroup/system.slice/postgresql.service/memory.max", "1073741824\n");
    EXPECT_EQ(cgroup_memory_limit(root_), std::uint64_t{1073741824});
}

TEST_F(CgroupLimit, AContainerSeesItsOwnGroupAtTheMount) {
    write("proc/self/cgroup", "0::/../../docker/abc\n");
    write("sys/fs/cgroup/memory.max", "2147483648\n");
    EXPECT_EQ(cgroup_memory_limit(root_), std::uint64_t{2147483648});
}

TEST_F(CgroupLimit, VersionOneHasItsOwnHierarchy) {
    write("proc/self/cgroup", "5:cpu,cpuacct:/jobs\n3:hugetlb,memory:/jobs\n1:name=systemd:/jobs\n");
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "536870912\n");
    write("sys/fs/cgroup/jobs/memory.max", "1\n");
    EXPECT_EQ(cgroup_memory_limit(root_), std::uint64_t{536870912});
}

TEST_F(CgroupLimit, RubbishIsIgnored) {
    write("proc/self/cgroup", "rubbish\n0::/a\n");
    write("sys/fs/cgroup/a/memory.max", "12x\n");
    write("proc/meminfo", "rubbish\n");
    EXPECT_EQ(memory_limit(root_), std::nullopt);
}

TEST_F(CgroupLimit, TheMachineLimitsToo) {
    write("proc/meminfo", "MemFree:  1 kB\nMemTotal:       1048576 kB\nBuffers: 5 kB\n");
    EXPECT_EQ(memory_limit(root_), std::uint64_t{1} << 30);
    write("proc/self/cgroup", "0::/a\n");
    write("sys/fs/cgroup/a/memory.max", "1000\n");
    EXPECT_EQ(memory_limit(root_), std::uint64_t{1000});
}

TEST(ThisMachine, HasMemory) {
    EXPECT_GT(physical_memory().value_or(0), std::uint64_t{1} << 26);
}

TEST(ClampBudgets, ShrinksInProportion) {
    constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
    const MemoryBudgets wanted{3 * kGigabyte, kGigabyte};
    EXPECT_EQ(clamp_budgets(wanted, std::nullopt), wanted);
    EXPECT_EQ(clamp_budgets(wanted, 8 * kGigabyte), wanted);
    const MemoryBudgets clamped = clamp_budgets(wanted, 2 * kGigabyte);
    EXPECT_EQ(clamped.pool + clamped.host, 2 * kGigabyte - kGigabyte / 4);
    EXPECT_EQ(clamped.pool, 3 * clamped.host);
    const MemoryBudgets all = clamp_budgets({~std::uint64_t{0}, ~std::uint64_t{0}}, kGigabyte);
    EXPECT_LE(all.pool + all.host, kGigabyte - kGigabyte / 8);
}

}  // namespace
}  // namespace tensile
