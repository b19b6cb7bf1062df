// Makes a model family of a forecasting method: everything between rows of a query, stored models and the method.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "models/model_family.h"
#include "models/series/series_method.h"
#include "models/series/series_predictor.h"

namespace tensile {

class SeriesFamily final : public ModelFamily {
  public:
    // `method` outlives the family.
    explicit SeriesFamily(const SeriesMethod& method);

    std::string_view name() const override { return method_.name(); }
    std::string_view help() const override { return method_.help(); }
    // The shared options, then the method's own.
    std::span<const OptionDeclaration> options() const override { return options_; }
    std::unique_ptr<Training> train(const TrainingRequest& request) const override;
    std::unique_ptr<Predictor> load(std::string_view manifest) const override;
    std::unique_ptr<Training> refresh(const TrainingRequest& request, std::shared_ptr<const Predictor> base,
                                      std::vector<std::byte> weights) const override;

    // A training of the same method with the options of `model` on another table with its series, such as its first
    // steps (backtest) or one with newer values (refresh). Its rows are finished: job() comes next. With `previous` it
    // goes on from that model's weights. Throws what finish_rows() throws. `model` may go before the training does,
    // `previous` and `stop` may not.
    std::unique_ptr<Training> refit(const SeriesPredictor& model, SeriesTable table,
                                    const SeriesMethod::Previous* previous, const std::atomic<bool>* stop) const;
    // The same with what is known of the future, and with the counts of a report.
    std::unique_ptr<Training> refit(const SeriesPredictor& model, SeriesData data,
                                    const SeriesMethod::Previous* previous, const std::atomic<bool>* stop) const;

  private:
    const SeriesMethod& method_;
    std::vector<OptionDeclaration> options_;
};

}  // namespace tensile
