// The list of model families; see model_family.h.
#include <algorithm>
#include <array>

#include "models/mlp/mlp_family.h"
#include "models/model_family.h"
#include "tensor/error.h"

namespace tensile {

void Training::begin_side_table(std::size_t /*index*/, std::span<const ColumnDescription> /*columns*/) {
    throw InternalError("training wants no side table");
}

std::unique_ptr<Training> ModelFamily::refresh(const TrainingRequest& /*request*/,
                                               std::shared_ptr<const Predictor> /*base*/,
                                               std::vector<std::byte> /*weights*/) const {
    throw Error(sqlstate::kFeatureNotSupported,
                "models of method \"" + std::string(name()) + "\" cannot be refreshed",
                "Only models of time series go on from their weights.",
                "Train the model again with replace => true.");
}

std::span<const ModelFamily* const> all_families() {
    static const std::array<const ModelFamily*, 1> families = {&mlp_family()};
    return families;
}

const ModelFamily& family_named(std::string_view name) {
    std::string names;
    for (const ModelFamily* family : all_families()) {
        if (family->name() == name) return *family;
        names += (names.empty() ? "\"" : ", \"") + std::string(family->name()) + "\"";
    }
    throw Error(sqlstate::kInvalidParameterValue, "unrecognized method \"" + std::string(name) + "\"", {},
                "Available methods: " + names + ".");
}

}  // namespace tensile
