// Sizes as people read and set them.
#include "memory/byte_size.h"

#include <gtest/gtest.h>

namespace tensile {
namespace {

TEST(FormatBytes, UsesTheLargestUnit) {
    EXPECT_EQ(format_bytes(0), "0 bytes");
    EXPECT_EQ(format_bytes(1023), "1023 bytes");
    EXPECT_EQ(format_bytes(1024), "1 kB");
    EXPECT_EQ(format_bytes(1536), "1.5 kB");
    EXPECT_EQ(format_bytes(64 * 1024), "64 kB");
    EXPECT_EQ(format_bytes(std::uint64_t{1} << 20), "1 MB");
    EXPECT_EQ(format_bytes(std::uint64_t{3} << 29), "1.5 GB");
    EXPECT_EQ(format_bytes(std::uint64_t{5} << 50), "5120 TB");
    EXPECT_EQ(format_bytes((std::uint64_t{2} << 20) - 1), "2 MB") << "nearest tenth";
}

TEST(SettingOfBytes, IsEnough) {
    EXPECT_EQ(setting_of_bytes(1), "1MB");
    EXPECT_EQ(setting_of_bytes(std::uint64_t{1} << 20), "1MB");
    EXPECT_EQ(setting_of_bytes((std::uint64_t{1} << 20) + 1), "2MB");
}

}  // namespace
}  // namespace tensile
