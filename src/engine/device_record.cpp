// See device_record.h.
#include "engine/device_record.h"

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

std::string with_device(std::string manifest, const DeviceProperties& device) {
    // Added to the text: a manifest may be too large to be parsed for this.
    if (manifest.size() < 3 || manifest.back() != '}') throw InternalError("a manifest is no JSON object");
    const nlohmann::ordered_json member = {
        {"device", device.kind}, {"instruction_set", device.instruction_set}, {"library", device.kernel_library}};
    manifest.back() = ',';
    manifest += "\"trained_on\":";
    manifest += member.dump();
    manifest += '}';
    return manifest;
}

void require_precision(const Device& device, Precision precision) {
    if (device.computes_in(precision)) return;
    throw Error(sqlstate::kFeatureNotSupported, "precision \"bf16\" takes a GPU",
                "The engine computes on device \"" + device.properties().kind + "\".",
                "Use precision \"float32\", or a CUDA device (setting tensile.device).");
}

}  // namespace tensile
