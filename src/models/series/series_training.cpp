// See series_training.h.
#include "models/series/series_training.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/series/byte_sections.h"
#include "models/series/series_predictor.h"
#include "models/series/series_store.h"
#include "models/weight_layout.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Weights belong to keys by position.
bool has_same_series(const SeriesTable& left, const SeriesTable& right) {
    return left.keys == right.keys && left.modes == right.modes;
}

}  // namespace

SeriesTraining::SeriesTraining(const SeriesMethod& method, std::span<const OptionDeclaration> declarations,
                               const TrainingRequest& request)
    : method_(method),
      declared_options_(Options::parse(method.name(), declarations, request.options_json)),
      options_(SeriesOptions::from(declared_options_)),
      columns_(SeriesColumns::resolve(options_, request.targets, request.columns)) {
    rows_.emplace(columns_);
}

SeriesTraining::SeriesTraining(const SeriesMethod& method, Options options, SeriesColumns columns, SeriesData data,
                               const SeriesMethod::Previous* previous, const std::atomic<bool>* stop)
    : method_(method),
      declared_options_(std::move(options)),
      options_(SeriesOptions::from(declared_options_)),
      columns_(std::move(columns)),
      rows_read_(data.report.rows),
      data_(std::move(data)) {
    fit(previous, stop);
}

void SeriesTraining::go_on_from(std::shared_ptr<const Predictor> base, std::vector<std::byte> weights) {
    if (base->as_series() == nullptr || base->as_series()->method() != method_.name())
        throw InternalError("a refresh goes on from a model of another method");
    base_ = std::move(base);
    base_weights_ = std::move(weights);
}

void SeriesTraining::append_rows(const RawRows& rows) {
    if (!rows_) throw InternalError("rows arrived after the last one");
    if (!graphs_.empty()) {
        graphs_.back().append(rows);
        return;
    }
    rows_->append(rows);
    rows_read_ += rows.count;
}

std::vector<SideTable> SeriesTraining::side_tables() const {
    std::vector<SideTable> tables;
    for (const auto& [mode, relation] : options_.graphs)
        tables.push_back({"graph of mode \"" + mode + "\"", relation});
    return tables;
}

void SeriesTraining::begin_side_table(std::size_t index, std::span<const ColumnDescription> columns) {
    if (!rows_ || index != graphs_.size() || index >= options_.graphs.size())
        throw InternalError("side table " + std::to_string(index) + " arrived out of order");
    const auto& [mode, relation] = options_.graphs[index];
    const auto found = std::ranges::find(columns_.modes, mode,
                                         [](const SeriesColumns::Column& column) { return column.description.name; });
    graphs_.emplace_back(static_cast<int>(found - columns_.modes.begin()), mode, relation, columns);
}

void SeriesTraining::finish_rows(const std::atomic<bool>* stop) {
    if (!rows_) throw InternalError("rows are finished already");
    if (graphs_.size() != options_.graphs.size()) throw InternalError("a side table is missing");
    SeriesRules rules;
    rules.step = options_.step;
    rules.duplicates = options_.duplicates;
    rules.irregular = options_.irregular;
    rules.season = options_.season;
    rules.dense = method_.needs_dense_table(declared_options_);
    data_ = build_series(*std::exchange(rows_, std::nullopt), rules, stop);
    if (data_.season >= data_.table.steps)
        throw Error(sqlstate::kInvalidParameterValue, "season is not shorter than the series",
                    "Option \"season\" is " + std::to_string(data_.season) + ", but there are only " +
                        std::to_string(data_.table.steps) + " points in time.",
                    "Set a shorter one, or 1 for none.");
    for (std::size_t i = 0; i < graphs_.size(); ++i) {
        const auto mode = std::ranges::find(data_.table.modes, options_.graphs[i].first, &SeriesMode::name);
        data_.table.graphs.push_back(graphs_[i].build(*mode));
    }
    graphs_.clear();
    if (base_ == nullptr || !has_same_series(base_->as_series()->table(), data_.table)) return fit(nullptr, stop);
    const SeriesMethod::Previous previous{base_->as_series()->forecaster(), base_weights_};
    fit(&previous, stop);
}

void SeriesTraining::fit(const SeriesMethod::Previous* previous, const std::atomic<bool>* stop) {
    SeriesSettings settings;
    settings.season = data_.season;
    settings.horizon = options_.horizon;
    settings.validation = options_.validation;
    settings.seed = options_.seed;
    settings.stop = stop;
    fit_ = method_.fit(data_.table, settings, declared_options_, previous);
}

const SeriesFit& SeriesTraining::fitted() const {
    if (!fit_) throw InternalError("the job exists once the rows are finished");
    return *fit_;
}

std::uint64_t SeriesTraining::bytes() const {
    std::uint64_t bytes = data_.table.bytes() + data_.report.bytes();
    if (rows_) bytes += rows_->bytes();
    for (const ModeGraphCollector& graph : graphs_)
        bytes += graph.bytes();
    for (const Covariate& covariate : data_.future)
        bytes += covariate.values.capacity() * sizeof(float);
    return bytes + (fit_ ? fit_->bytes() : 0);
}

Job& SeriesTraining::job() {
    if (!fit_) throw InternalError("the job exists once the rows are finished");
    return fit_->job();
}

TrainingProgress SeriesTraining::progress() const {
    if (fit_) return fit_->progress();
    TrainingProgress progress;
    progress.phase = "reading";
    return progress;
}

std::vector<LogLine> SeriesTraining::take_log() {
    return fit_ ? fit_->take_log() : std::vector<LogLine>{};
}

RowCounts SeriesTraining::row_counts() const {
    // Used are rows that have a value.
    const std::int64_t unused = rows_
                                    ? rows_->values_null()
                                    : data_.report.values_null + data_.report.values_nan + data_.report.values_infinite;
    return {rows_read_, rows_read_ - unused, unused};
}

bool SeriesTraining::stopped_early() const {
    return fitted().stopped_early();
}

void SeriesTraining::add_sections(SectionWriter& sections) const {
    add_series_sections(data_, sections);
    sections.add_owned("method", fitted().host_weights());
}

std::string SeriesTraining::manifest() const {
    SectionWriter sections;
    add_sections(sections);
    nlohmann::ordered_json json;
    json["format"] = 1;
    json["method"] = method_.name();
    json["options"] = declared_options_.to_json();
    json["columns"] = columns_to_json(columns_);
    json["series"] = series_to_json(data_);
    json["fit"] = fitted().manifest();
    json["weights"] = weights_to_json(fit_->job().variables);
    json["host_weights"] = sections.to_json();
    const RowCounts counts = row_counts();
    json["rows"] = {{"read", counts.read}, {"used", counts.used}};
    return json.dump();
}

std::vector<TaskMetric> SeriesTraining::metrics() const {
    std::vector<TaskMetric> metrics = fitted().metrics();
    std::ranges::move(report_metrics(data_.report, data_.table), std::back_inserter(metrics));
    return metrics;
}

std::uint64_t SeriesTraining::host_weight_bytes() const {
    SectionWriter sections;
    add_sections(sections);
    return sections.bytes();
}

void SeriesTraining::write_host_weights(std::span<std::byte> out) const {
    SectionWriter sections;
    add_sections(sections);
    sections.write(out);
}

}  // namespace tensile
