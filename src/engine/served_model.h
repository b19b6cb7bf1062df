// A stored model as the engine holds it: its predictor, made from the manifest, behind the interface that the runtime's
// cache knows. Knows no session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/resources.h"
#include "memory/host_budget.h"
#include "models/model_family.h"
#include "runtime/inference.h"

namespace tensile {

// The predictor that a manifest describes. Throws Error XX001 when the manifest names no method, 22023 when it names
// one that this build does not have.
std::unique_ptr<Predictor> predictor_from(std::string_view manifest);

// Puts a model, whose bytes have been checked, into the cache. Idle models give way where the host budget is short.
std::shared_ptr<LoadedModel> load_model(const Resources& resources, const ModelKey& key, std::string_view manifest,
                                        std::span<const std::byte> weights, std::int32_t queue_timeout_ms,
                                        const StopFlag& stop);

class ServedModel final : public StoredModel {
  public:
    // `weights`: all that is stored. What of them stays on the host is copied and charged. Throws Error 53200.
    ServedModel(const ModelKey& key, std::string_view manifest, std::span<const std::byte> weights, HostBudget& budget);

    const std::shared_ptr<const Predictor>& predictor() const { return predictor_; }

    std::string label() const override { return label_; }
    std::span<const Variable> variables() const override { return predictor_->variables(); }
    std::span<const std::uint64_t> weight_offsets() const override { return predictor_->weight_offsets(); }
    std::uint64_t weight_bytes() const override { return device_bytes_; }
    Program program(std::int64_t capacity) const override { return predictor_->program(capacity); }

  private:
    std::string label_;
    HostCharge charge_;  // of host weights; outlives them
    std::shared_ptr<const Predictor> predictor_;
    std::uint64_t device_bytes_ = 0;
};

// The predictor of a model in the cache, which holds nothing but ServedModels.
const Predictor& predictor_of(const LoadedModel& model);
std::shared_ptr<const Predictor> shared_predictor_of(const LoadedModel& model);

}  // namespace tensile
