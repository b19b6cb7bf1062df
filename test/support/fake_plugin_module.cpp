// The CUDA plug-in without CUDA as a file that a real engine loads (environment variable TENSILE_CUDA_PLUGIN), for
// tests of whole servers. It obeys the file that TENSILE_FAKE_PLUGIN_ORDERS names:
//
//   gone       there is no device; read when an engine loads the plug-in
//   fault      the next launch ends the device; read at any time, and obeyed once the file is gone
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "support/fake_plugin.h"

namespace tensile::testing {
namespace {

namespace fs = std::filesystem;

std::string order_in(const fs::path& file) {
    std::string word;
    std::ifstream(file) >> word;
    return word;
}

// Obeys for as long as the process lives.
void follow(const fs::path& file, FakePlugin& plugin) {
    while (true) {
        if (order_in(file) == "fault") {
            for (const auto call : {FakeFault::Call::kLaunch, FakeFault::Call::kGraphLaunch})
                plugin.inject({.call = call, .sticky = true});
            std::error_code gone_already;
            fs::remove(file, gone_already);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

FakePlugin& ordered_plugin() {
    const char* const path = std::getenv("TENSILE_FAKE_PLUGIN_ORDERS");
    const fs::path file = path == nullptr ? "" : path;
    FakePluginOptions options;
    if (order_in(file) == "gone") options.driver = TENSILE_NO_DRIVER;
    // For as long as the process lives, as the engine expects.
    static auto* const plugin = new FakePlugin(options);
    if (path != nullptr) std::thread(follow, file, std::ref(*plugin)).detach();
    return *plugin;
}

}  // namespace
}  // namespace tensile::testing

extern "C" __attribute__((visibility("default"))) const TensileDeviceTable* tensile_device_table(
    std::uint32_t version) {
    static tensile::testing::FakePlugin& plugin = tensile::testing::ordered_plugin();
    return version == plugin.table()->version ? plugin.table() : nullptr;
}
