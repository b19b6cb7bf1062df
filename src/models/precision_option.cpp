// See precision_option.h.
#include "models/precision_option.h"

#include <string_view>

namespace tensile {

namespace {

constexpr std::string_view kName = "precision";
constexpr std::string_view kBFloat16 = "bf16";

}  // namespace

OptionDeclaration precision_option() {
    return {
        kName,
        OptionType::kChoice,
        "\"float32\"",
        {},
        {},
        {"float32", kBFloat16},
        "What matrix products and convolutions of the training compute with; weights are float32 anyway. bf16 takes "
        "a GPU."};
}

Precision precision_of(const Options& options) {
    return options.has(kName) && options.choice(kName) == kBFloat16 ? Precision::kBFloat16 : Precision::kFloat32;
}

}  // namespace tensile
