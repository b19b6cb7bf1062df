// See mlp_family.h.
#include "models/mlp/mlp_family.h"

#include "models/mlp/mlp_options.h"
#include "models/mlp/mlp_predictor.h"
#include "models/mlp/mlp_training.h"

namespace tensile {

namespace {

class MlpFamily final : public ModelFamily {
  public:
    std::string_view name() const override { return "mlp"; }
    std::string_view help() const override {
        return "Feed-forward network for numeric and categorical targets, several at once, over columns of any type.";
    }
    std::span<const OptionDeclaration> options() const override { return mlp_option_declarations(); }
    std::unique_ptr<Training> train(const TrainingRequest& request) const override {
        return std::make_unique<MlpTraining>(request);
    }
    std::unique_ptr<Predictor> load(std::string_view manifest) const override { return MlpPredictor::load(manifest); }
};

}  // namespace

const ModelFamily& mlp_family() {
    static const MlpFamily family;
    return family;
}

}  // namespace tensile
