// What a family that has neither side tables nor host weights need not say; see model_family.h.
#include "models/model_family.h"

#include "tensor/error.h"

namespace tensile {

void Training::begin_side_table(std::size_t, std::span<const ColumnDescription>) {
    throw InternalError("rows of a side table arrived for a method that has none");
}

void Training::write_host_weights(std::span<std::byte> out) const {
    if (!out.empty()) throw InternalError("host weights were asked of a method that has none");
}

void Predictor::take_host_weights(std::span<const std::byte> bytes) {
    if (!bytes.empty()) throw Error(sqlstate::kDataCorrupted, "stored weights are longer than the model's description");
}

}  // namespace tensile
