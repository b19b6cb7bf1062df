// See series_predictor.h.
#include "models/series/series_predictor.h"

#include <algorithm>
#include <array>

#include "models/series/byte_sections.h"
#include "models/series/series_options.h"
#include "models/series/series_store.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void reject_rows() {
    throw Error(sqlstate::kFeatureNotSupported, "model forecasts series and does not predict rows", {},
                "Use tensile.forecast() for coming values, tensile.impute() for missing ones and tensile.backtest() to "
                "judge the model.");
}

[[noreturn]] void reject_description(const std::string& detail) {
    throw Error(sqlstate::kDataCorrupted, "could not read the description of the model", detail);
}

// Variables as the manifest lists them: the method tells its own only once it has its host weights.
std::vector<Variable> variables_from(const Json& weights) {
    constexpr std::array kTypes = {DType::kF32, DType::kBF16, DType::kF64, DType::kI32, DType::kI64, DType::kU8};
    std::vector<Variable> variables;
    for (const Json& weight : weights) {
        Variable variable;
        variable.name = weight.at("name").get<std::string>();
        const auto* type = std::ranges::find(kTypes, weight.at("type").get<std::string>(),
                                             [](DType one) { return std::string(name_of(one)); });
        const Json& shape = weight.at("shape");
        if (type == kTypes.end() || !shape.is_array() || shape.size() > kMaxRank)
            reject_description("Weight \"" + variable.name + "\" has no valid type.");
        variable.type.dtype = *type;
        for (const Json& dimension : shape)
            variable.type.shape.append(dimension.get<std::int64_t>());
        variable.is_weight = true;
        variable.recovery = Recovery::kReReadable;
        variables.push_back(std::move(variable));
    }
    return variables;
}

// The rules of training hold for fresh rows, too.
SeriesRules rules_from(const Json& options) {
    SeriesRules rules;
    const std::string irregular = options.value("irregular", "error");
    if (irregular == "nearest") rules.irregular = IrregularRule::kNearest;
    if (irregular == "floor") rules.irregular = IrregularRule::kFloor;
    const std::string duplicates = options.value("duplicates", "error");
    if (duplicates == "mean") rules.duplicates = DuplicateRule::kMean;
    if (duplicates == "sum") rules.duplicates = DuplicateRule::kSum;
    return rules;
}

}  // namespace

SeriesPredictor::SeriesPredictor(const SeriesMethod& method, std::string_view manifest) : method_(method) {
    try {
        manifest_ = Json::parse(manifest);
        if (manifest_.at("format") != 1)
            throw Error(sqlstate::kFeatureNotSupported, "model was stored in a format that this version cannot read",
                        "The format is " + manifest_.at("format").dump() + ", this version reads format 1.",
                        "Update the extension, or train the model again.");
        columns_ = columns_from_json(manifest_.at("columns"));
        variables_ = variables_from(manifest_.at("weights"));
        layout_ = lay_out_weights(variables_);
        require_same_weights(variables_, manifest_.at("weights"));
        host_bytes_ = section_bytes(manifest_.at("host_weights"));
        rules_ = rules_from(manifest_.at("options"));
        horizon_ = manifest_.at("options").value("horizon", std::int64_t{24});
        outputs_.push_back({columns_.value.description.name, "series", "double precision"});
    } catch (const Json::exception& error) {
        reject_description(error.what());
    }
}

void SeriesPredictor::take_host_weights(std::span<const std::byte> bytes) {
    try {
        const SectionReader sections(manifest_.at("host_weights"), bytes);
        SeriesData data = series_from(manifest_.at("series"), sections);
        if (data.table.modes.size() != columns_.modes.size() ||
            data.table.covariates.size() != columns_.covariates.size())
            reject_description("Columns and series do not match.");
        data_ = std::move(data);
        forecaster_ = method_.load(manifest_.at("fit"), sections.bytes_of("method"), data_->table);
    } catch (const Json::exception& error) {
        reject_description(error.what());
    }
    require_same_weights(forecaster_->variables(), manifest_.at("weights"));
}

const SeriesData& SeriesPredictor::data() const {
    if (!data_) throw InternalError("host weights of a model of series are missing");
    return *data_;
}

const SeriesForecaster& SeriesPredictor::forecaster() const {
    if (!forecaster_) throw InternalError("host weights of a model of series are missing");
    return *forecaster_;
}

Program SeriesPredictor::program(std::int64_t capacity) const {
    return forecaster().program(capacity);
}

std::vector<int> SeriesPredictor::bind_columns(std::span<const ColumnDescription>) const {
    reject_rows();
}

void SeriesPredictor::encode(const RawRows&, std::span<const int>, std::int64_t, std::int64_t,
                             std::span<const TensorView>) const {
    reject_rows();
}

void SeriesPredictor::decode(std::span<const TensorView>, std::int64_t, PredictionColumns&) const {
    reject_rows();
}

std::unique_ptr<Evaluation> SeriesPredictor::evaluation(std::span<const ColumnDescription>) const {
    reject_rows();
}

SeriesCollector SeriesPredictor::fresh_rows(std::span<const ColumnDescription> columns) const {
    return SeriesCollector(columns_.bind(columns));
}

SeriesData SeriesPredictor::extended(SeriesCollector rows, const std::atomic<bool>* stop) const {
    return extend_series(data(), std::move(rows), rules_, stop);
}

}  // namespace tensile
