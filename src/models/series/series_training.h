// A training of a forecasting method, from the columns of the query to the stored model.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/model_family.h"
#include "models/precision_option.h"
#include "models/series/mode_graph.h"
#include "models/series/series_builder.h"
#include "models/series/series_method.h"

namespace tensile {

class SectionWriter;

class SeriesTraining final : public Training {
  public:
    // Throws Error for options, target and columns that cannot be used; see SeriesColumns::resolve().
    SeriesTraining(const SeriesMethod& method, std::span<const OptionDeclaration> declarations,
                   const TrainingRequest& request);
    // On a table that is there already; the fit is made here.
    SeriesTraining(const SeriesMethod& method, Options options, SeriesColumns columns, SeriesData data,
                   const SeriesMethod::Previous* previous, const std::atomic<bool>* stop);

    // Before finish_rows(): the fit goes on from a model of the same method, unless the rows turn out to have other
    // series. `weights` are those of the device.
    void go_on_from(std::shared_ptr<const Predictor> base, std::vector<std::byte> weights);

    // From finish_rows() on.
    const SeriesData& data() const { return data_; }

    void append_rows(const RawRows& rows) override;
    std::vector<SideTable> side_tables() const override;
    void begin_side_table(std::size_t index, std::span<const ColumnDescription> columns) override;
    void finish_rows(const std::atomic<bool>* stop) override;
    std::uint64_t bytes() const override;
    Precision precision() const override { return precision_of(declared_options_); }
    Job& job() override;
    TrainingProgress progress() const override;
    std::vector<LogLine> take_log() override;
    RowCounts row_counts() const override;
    bool stopped_early() const override;
    std::string manifest() const override;
    std::vector<TaskMetric> metrics() const override;
    std::uint64_t host_weight_bytes() const override;
    void write_host_weights(std::span<std::byte> out) const override;

  private:
    void fit(const SeriesMethod::Previous* previous, const std::atomic<bool>* stop);
    const SeriesFit& fitted() const;
    void add_sections(SectionWriter& sections) const;

    const SeriesMethod& method_;
    Options declared_options_;
    SeriesOptions options_;
    SeriesColumns columns_;
    std::optional<SeriesCollector> rows_;  // until finish_rows()
    std::vector<ModeGraphCollector> graphs_;
    std::int64_t rows_read_ = 0;
    std::shared_ptr<const Predictor> base_;  // null: none
    std::vector<std::byte> base_weights_;
    // From finish_rows() on:
    SeriesData data_;
    std::unique_ptr<SeriesFit> fit_;
};

}  // namespace tensile
