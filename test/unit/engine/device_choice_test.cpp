// Which device is chosen for which setting and state of the machine, and how much memory the engine gives itself on it.
#include "engine/device_choice.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "engine/memory_budgets.h"
#include "protocol/descriptor.h"
#include "support/fake_device.h"
#include "tensor/error.h"

namespace tensile {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;

// A log whose lines can be read.
class CapturedLog {
  public:
    CapturedLog() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("no pipe");
        reader_ = protocol::Descriptor(ends[0]);
        writer_ = protocol::Descriptor(ends[1]);
        log_.emplace(writer_.get());
    }
    Log& log() { return *log_; }
    std::string text() {
        std::string bytes(65536, '\0');
        const ssize_t count = ::read(reader_.get(), bytes.data(), bytes.size());
        bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return bytes;
    }

  private:
    protocol::Descriptor reader_;
    protocol::Descriptor writer_;
    std::optional<Log> log_;
};

// A device with memory of its own, as far as choosing looks at it.
class Card final : public testing::FakeDevice {
  public:
    explicit Card(std::uint64_t free_bytes) : free_bytes_(free_bytes) {}
    std::optional<DeviceHardware> hardware() const override {
        return DeviceHardware{"Card 9000", "driver 1.2", 4 * kGigabyte, free_bytes_};
    }

  private:
    std::uint64_t free_bytes_;
};

struct Case {
    std::string device;
    std::optional<Error> failure;  // of opening; nothing: a card
    std::uint64_t free_bytes;
    std::string chosen;  // "cpu", "card", or the SQLSTATE of an error
    std::string log;
};

TEST(DeviceChoice, FollowsTheSettingAndWhatThereIs) {
    const Error no_plugin(sqlstate::kFeatureNotSupported, "there is no CUDA plug-in", "No file.");
    const Error no_driver(sqlstate::kSystemError, "no CUDA driver is installed");
    const Error no_device(sqlstate::kInvalidParameterValue, "CUDA device 0 does not exist");
    const std::vector<Case> cases = {
        {"cpu", {}, kGigabyte, "cpu", ""},
        {"auto", {}, kGigabyte, "card", ""},
        {"auto", no_plugin, 0, "cpu", "LOG\tusing the CPU: there is no CUDA plug-in: No file.\n"},
        {"auto", no_driver, 0, "cpu", "LOG\tusing the CPU: no CUDA driver is installed\n"},
        {"auto",
         {},
         70 * kMegabyte,
         "cpu",
         "LOG\tusing the CPU: not enough memory is free on Card 9000: 70 MB of 4096 MB are free, and the "
         "least pool needs 80 MB.\n"},
        {"cuda:0", {}, kGigabyte, "card", ""},
        {"cuda:0", no_plugin, 0, "0A000", ""},
        {"cuda:0", no_driver, 0, "58000", ""},
        {"cuda:0", no_device, 0, "22023", ""},
        {"cuda:0", {}, 70 * kMegabyte, "53200", ""},
        {"cuda:", {}, kGigabyte, "22023", ""},
        {"cuda:-1", {}, kGigabyte, "22023", ""},
        {"cuda:1x", {}, kGigabyte, "22023", ""},
        {"abacus", {}, kGigabyte, "22023", ""},
    };
    for (const Case& test : cases) {
        CapturedLog captured;
        Settings settings;
        settings.device = test.device;
        const auto open = [&](int ordinal) -> std::unique_ptr<Device> {
            EXPECT_EQ(ordinal, 0) << test.device;
            if (test.failure) throw *test.failure;
            return std::make_unique<Card>(test.free_bytes);
        };
        std::string chosen;
        try {
            const std::unique_ptr<Device> device = choose_device(settings, open, captured.log());
            chosen = dynamic_cast<CpuDevice*>(device.get()) != nullptr ? "cpu" : "card";
        } catch (const Error& error) {
            chosen = error.sqlstate();
        }
        EXPECT_EQ(chosen, test.chosen) << test.device;
        EXPECT_EQ(captured.text(), test.log) << test.device;
    }
}

TEST(DeviceChoice, ADeviceByItsNumberIsOpenedOrAnErrorThatTellsHowToGoOn) {
    CapturedLog captured;
    Settings settings;
    settings.device = "cuda:3";
    int opened = -1;
    const auto open = [&](int ordinal) -> std::unique_ptr<Device> {
        opened = ordinal;
        throw Error(sqlstate::kSystemError, "there is no CUDA device 3", "This machine has 1.");
    };
    try {
        choose_device(settings, open, captured.log());
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.message(), "device \"cuda:3\" is not available");
        EXPECT_EQ(error.detail(), "There is no CUDA device 3: This machine has 1.");
        EXPECT_EQ(error.hint(), "Set tensile.device to \"auto\" or \"cpu\" to go on without it.");
    }
    EXPECT_EQ(opened, 3);
}

TEST(MemoryBudgets, ThePoolOfTheCpuSharesTheMachinesMemoryWithTheHost) {
    CapturedLog captured;
    Settings settings;
    settings.pool_size = 3 * kGigabyte;
    settings.host_memory = kGigabyte;
    settings.pinned_memory = kMegabyte;
    const EngineBudgets all = budgets_for(settings, std::nullopt, 16 * kGigabyte, captured.log());
    EXPECT_EQ(all.pool, 3 * kGigabyte);
    EXPECT_EQ(all.host, kGigabyte);
    EXPECT_EQ(all.pinned, 0U);
    EXPECT_EQ(captured.text(), "");
    const EngineBudgets less = budgets_for(settings, std::nullopt, 2 * kGigabyte, captured.log());
    EXPECT_LE(less.pool + less.host, 2 * kGigabyte);
    EXPECT_EQ(
        captured.text(),
        "WARNING\ttensile.pool_size and tensile.host_memory exceed the memory limit of 2048 MB; using 1344 MB and "
        "448 MB\n");
}

TEST(MemoryBudgets, NewSettingsLeaveThePoolAsItIs) {
    CapturedLog captured;
    Settings settings;
    settings.pool_size = 3 * kGigabyte;
    settings.host_memory = kGigabyte;
    const EngineBudgets given = budgets_for(settings, std::nullopt, 2 * kGigabyte, captured.log());
    ASSERT_LT(given.pool, settings.pool_size);
    captured.text();
    // The same settings give the same again, however the pool was shrunk.
    EXPECT_EQ(host_budget_beside(given, settings, true, 2 * kGigabyte, captured.log()), given.host);
    EXPECT_NE(captured.text().find("using " + std::to_string(given.host / kMegabyte) + " MB"), std::string::npos);
    settings.host_memory = 64 * kMegabyte;
    EXPECT_EQ(host_budget_beside(given, settings, true, 2 * kGigabyte, captured.log()), settings.host_memory);
    // Even where the limit was lowered below the pool, nothing wraps around.
    EXPECT_EQ(host_budget_beside(given, settings, true, kGigabyte, captured.log()), 0U);
    EXPECT_NE(captured.text(), "");
    // A device's pool takes nothing of it, and what is page-locked stays.
    const EngineBudgets on_device{kGigabyte, kGigabyte, 512 * kMegabyte};
    settings.host_memory = kGigabyte;
    EXPECT_EQ(host_budget_beside(on_device, settings, false, 2 * kGigabyte, captured.log()), kGigabyte);
    settings.host_memory = 64 * kMegabyte;
    EXPECT_EQ(host_budget_beside(on_device, settings, false, 2 * kGigabyte, captured.log()), on_device.pinned);
    EXPECT_EQ(captured.text(), "");
}

TEST(MemoryBudgets, ThePoolOfADeviceLiesInItsOwnMemory) {
    CapturedLog captured;
    Settings settings;
    settings.pool_size = 3 * kGigabyte;
    settings.host_memory = kGigabyte;
    settings.pinned_memory = kGigabyte / 4;
    const DeviceHardware roomy{"Card 9000", "", 8 * kGigabyte, 4 * kGigabyte};
    const EngineBudgets all = budgets_for(settings, roomy, 2 * kGigabyte, captured.log());
    EXPECT_EQ(all.pool, 3 * kGigabyte);
    EXPECT_EQ(all.host, kGigabyte);
    EXPECT_EQ(all.pinned, kGigabyte / 4);
    EXPECT_EQ(captured.text(), "");

    const DeviceHardware crowded{"Card 9000", "", 8 * kGigabyte, kGigabyte};
    settings.pinned_memory = kGigabyte;
    const EngineBudgets less = budgets_for(settings, crowded, kGigabyte, captured.log());
    EXPECT_EQ(less.pool, kGigabyte - 64 * kMegabyte);
    EXPECT_EQ(less.host, kGigabyte - kGigabyte / 8);
    EXPECT_EQ(less.pinned, less.host / 2);
    EXPECT_EQ(captured.text(),
              "WARNING\ttensile.host_memory exceeds the memory limit of 1024 MB; using 896 MB\n"
              "WARNING\ttensile.pool_size exceeds what is free on Card 9000, 1024 MB; using 960 MB\n"
              "WARNING\ttensile.pinned_memory exceeds half of tensile.host_memory; using 448 MB\n");
}

}  // namespace
}  // namespace tensile
