// A stored model as the engine holds it: its predictor, made from the manifest, behind the interface that the runtime's
// cache knows. Knows no session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "models/model_family.h"
#include "runtime/inference.h"

namespace tensile {

// The predictor that a manifest describes. Throws Error XX001 when the manifest names no method, 22023 when it names
// one that this build does not have.
std::unique_ptr<Predictor> predictor_from(std::string_view manifest);

class ServedModel final : public StoredModel {
  public:
    ServedModel(const ModelKey& key, std::string_view manifest);

    const Predictor& predictor() const { return *predictor_; }

    std::string label() const override { return label_; }
    std::span<const Variable> variables() const override { return predictor_->variables(); }
    std::span<const std::uint64_t> weight_offsets() const override { return predictor_->weight_offsets(); }
    std::uint64_t weight_bytes() const override { return predictor_->weight_bytes(); }
    Program program(std::int64_t capacity) const override { return predictor_->program(capacity); }

  private:
    std::string label_;
    std::unique_ptr<Predictor> predictor_;
};

// The predictor of a model in the cache, which holds nothing but ServedModels.
const Predictor& predictor_of(const LoadedModel& model);

}  // namespace tensile
