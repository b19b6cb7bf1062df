// What a family that has neither side tables nor host weights, or cannot go on from a model, need not say; see
// model_family.h.
#include "models/model_family.h"

#include "tensor/error.h"

namespace tensile {

void Training::begin_side_table(std::size_t, std::span<const ColumnDescription>) {
    throw InternalError("rows of a side table arrived for a method that has none");
}

void Training::write_host_weights(std::span<std::byte> out) const {
    if (!out.empty()) throw InternalError("host weights were asked of a method that has none");
}

std::unique_ptr<Training> ModelFamily::refresh(const TrainingRequest& /*request*/,
                                               std::shared_ptr<const Predictor> /*base*/,
                                               std::vector<std::byte> /*weights*/) const {
    throw Error(sqlstate::kFeatureNotSupported, "models of method \"" + std::string(name()) + "\" cannot be refreshed",
                "Only models of time series go on from their weights.", "Train the model again with replace => true.");
}

void Predictor::take_host_weights(std::span<const std::byte> bytes) {
    if (!bytes.empty()) throw Error(sqlstate::kDataCorrupted, "stored weights are longer than the model's description");
}

}  // namespace tensile
