// The CUDA plug-in without CUDA as a file that a real engine loads (environment variable TENSILE_CUDA_PLUGIN), for
// tests of whole servers. What it does is ordered by the file that TENSILE_FAKE_PLUGIN_ORDERS names, read when an
// engine loads the plug-in:
//
//   gone       there is no device
//   fault N    the launch behind the first N ends the device; an order of every engine that reads it
//   once       the orders are for the engine that reads them: the file is removed
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "support/fake_plugin.h"

namespace tensile::testing {
namespace {

std::unique_ptr<FakePlugin> ordered_plugin() {
    FakePluginOptions options;
    FakeFault fault;
    bool faults = false;
    bool once = false;
    const char* const orders = std::getenv("TENSILE_FAKE_PLUGIN_ORDERS");
    if (orders != nullptr) {
        std::ifstream file(orders);
        for (std::string word; file >> word;) {
            if (word == "gone") options.driver = TENSILE_NO_DRIVER;
            if (word == "once") once = true;
            if (word == "fault") {
                file >> fault.after;
                fault.sticky = true;
                faults = true;
            }
        }
    }
    if (once) std::filesystem::remove(orders);
    auto plugin = std::make_unique<FakePlugin>(options);
    if (faults) plugin->inject(fault);
    return plugin;
}

}  // namespace
}  // namespace tensile::testing

extern "C" __attribute__((visibility("default"))) const TensileDeviceTable* tensile_device_table(
    std::uint32_t version) {
    // For as long as the process lives, as the engine expects.
    static const auto* const plugin = tensile::testing::ordered_plugin().release();
    return version == plugin->table()->version ? plugin->table() : nullptr;
}
