// A stored model of time series: its table, its fitted method, and what both need to take fresh rows. Does not predict
// rows: what Predictor says of rows throws Error 0A000.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/model_family.h"
#include "models/series/series_builder.h"
#include "models/series/series_method.h"
#include "models/weight_layout.h"

namespace tensile {

class SeriesPredictor final : public Predictor {
  public:
    // `method` outlives the predictor. Throws Error XX001 for a manifest that is not one of `method`.
    SeriesPredictor(const SeriesMethod& method, std::string_view manifest);

    std::span<const PredictionOutput> outputs() const override { return outputs_; }
    std::span<const std::string> labels(int) const override { return {}; }
    std::span<const Variable> variables() const override { return variables_; }
    std::span<const std::uint64_t> weight_offsets() const override { return layout_.offsets; }
    std::uint64_t weight_bytes() const override { return layout_.bytes + host_bytes_; }
    std::uint64_t host_weight_bytes() const override { return host_bytes_; }
    void take_host_weights(std::span<const std::byte> bytes) override;
    const SeriesPredictor* as_series() const override { return this; }
    std::string_view method() const { return method_.name(); }
    Program program(std::int64_t capacity) const override;
    std::vector<int> bind_columns(std::span<const ColumnDescription> columns) const override;
    void encode(const RawRows& rows, std::span<const int> columns, std::int64_t begin, std::int64_t end,
                std::span<const TensorView> inputs) const override;
    void decode(std::span<const TensorView> outputs, std::int64_t count, PredictionColumns& columns) const override;
    std::unique_ptr<Evaluation> evaluation(std::span<const ColumnDescription> columns) const override;

    // All below: once take_host_weights() has been called.
    const SeriesTable& table() const { return data().table; }
    const SeriesData& data() const;
    const SeriesReport& report() const { return data().report; }
    const SeriesForecaster& forecaster() const;
    const SeriesColumns& columns() const { return columns_; }
    bool time_has_zone() const { return columns_.time_has_zone(); }
    // As the manifest has them.
    const nlohmann::ordered_json& options() const { return manifest_.at("options"); }
    std::int64_t horizon() const { return horizon_; }

    // Takes fresh rows with these columns, found by name: time, keys and value as in the training's query, and the
    // covariates. Throws Error 42703, 42804.
    SeriesCollector fresh_rows(std::span<const ColumnDescription> columns) const;
    // The model's table with them: their values replace stored ones and extend the table; rows without a value behind
    // the last one give covariates of the future. Throws as extend_series().
    SeriesData extended(SeriesCollector rows, const std::atomic<bool>* stop) const;

  private:
    const SeriesMethod& method_;
    nlohmann::ordered_json manifest_;
    SeriesColumns columns_;
    std::vector<PredictionOutput> outputs_;
    std::vector<Variable> variables_;
    SeriesRules rules_;
    std::int64_t horizon_ = 0;
    WeightLayout layout_;
    std::uint64_t host_bytes_ = 0;
    std::optional<SeriesData> data_;
    std::unique_ptr<SeriesForecaster> forecaster_;
};

}  // namespace tensile
