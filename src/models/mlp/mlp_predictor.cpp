// See mlp_predictor.h.
#include "models/mlp/mlp_predictor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "models/mlp/mlp_options.h"
#include "models/mlp/mlp_programs.h"
#include "models/table_evaluation.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

MlpPredictor::MlpPredictor(TableEncoding table, std::vector<TargetEncoding> tasks, const MlpOptions& options)
    : table_(std::move(table)),
      tasks_(std::move(tasks)),
      network_(table_, tasks_, options),
      weights_(network_.weights()) {
    for (const TargetEncoding& task : tasks_)
        outputs_.push_back({task.description().name, std::string(name_of(task.kind())), task.type_name()});
    for (Variable& weight : weights_)
        weight.recovery = Recovery::kReReadable;
    layout_ = lay_out_weights(weights_);
}

std::unique_ptr<MlpPredictor> MlpPredictor::load(std::string_view manifest) {
    try {
        const Json json = Json::parse(manifest);
        if (json.at("format") != 1)
            throw Error(sqlstate::kFeatureNotSupported, "model was stored in a format that this version cannot read",
                        "The format is " + json.at("format").dump() + ", this version reads format 1.",
                        "Update the extension, or train the model again.");
        std::vector<TargetEncoding> tasks;
        for (const Json& task : json.at("tasks"))
            tasks.push_back(TargetEncoding::from_json(task));
        if (tasks.empty()) throw Error(sqlstate::kDataCorrupted, "model has no task");
        // What a later version no longer declares, or declares with another range, must not make a model unreadable:
        // only what shapes the network is taken.
        const Json& stored = json.at("options");
        Json shape = Json::object();
        for (const char* name : {"hidden", "activation", "normalization"})
            shape[name] = stored.at(name);
        const MlpOptions options = mlp_options(Options::parse("mlp", mlp_option_declarations(), shape.dump()));
        std::unique_ptr<MlpPredictor> predictor(
            new MlpPredictor(TableEncoding::from_json(json.at("features")), std::move(tasks), options));
        require_same_weights(predictor->weights_, json.at("weights"));
        return predictor;
    } catch (const Json::exception& error) {
        throw Error(sqlstate::kDataCorrupted, "could not read the description of the model", error.what());
    }
}

std::span<const std::string> MlpPredictor::labels(int output) const {
    return tasks_[static_cast<std::size_t>(output)].labels();
}

Program MlpPredictor::program(std::int64_t capacity) const {
    return mlp_prediction_program(network_, capacity);
}

std::vector<int> MlpPredictor::bind_columns(std::span<const ColumnDescription> columns) const {
    return table_.bind(columns);
}

void MlpPredictor::encode(const RawRows& rows, std::span<const int> columns, std::int64_t begin, std::int64_t end,
                          std::span<const TensorView> inputs) const {
    EncodedRows out;
    std::size_t next = 0;
    if (table_.number_width() > 0) {
        out.numbers = inputs[next++].as<float>();
        out.number_stride = table_.number_width();
    }
    for (const EmbeddingGroup& group : table_.groups())
        out.codes.push_back({inputs[next++].as<std::int32_t>(), group.columns});
    table_.encode(rows, columns, begin, end, out);
    for (const TensorView& input : inputs) {
        const std::size_t row_bytes =
            static_cast<std::size_t>(input.type.shape.row_width()) * size_of(input.type.dtype);
        const auto used = static_cast<std::size_t>(end - begin) * row_bytes;
        std::memset(input.as<std::byte>() + used, 0, input.type.bytes() - used);
    }
}

void MlpPredictor::decode(std::span<const TensorView> outputs, std::int64_t count, PredictionColumns& columns) const {
    columns.values.resize(tasks_.size());
    columns.classes.resize(tasks_.size());
    columns.distributions.resize(tasks_.size());
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const TargetEncoding& encoding = tasks_[task];
        const float* row = outputs[task].as<float>();
        std::vector<double>& values = columns.values[task];
        std::vector<std::int32_t>& classes = columns.classes[task];
        values.reserve(values.size() + static_cast<std::size_t>(count));
        const std::int64_t width = encoding.outputs();
        if (columns.keep_distributions && encoding.kind() == TaskKind::kMulticlass)
            columns.distributions[task].insert(columns.distributions[task].end(), row, row + count * width);
        for (std::int64_t i = 0; i < count; ++i, row += width) {
            switch (encoding.kind()) {
            case TaskKind::kRegression:
                values.push_back(encoding.to_units(static_cast<double>(*row)));
                break;
            case TaskKind::kBinary:
                values.push_back(static_cast<double>(*row));
                classes.push_back(*row > 0.5F ? 1 : 0);
                break;
            case TaskKind::kMulticlass: {
                const float* likeliest = std::max_element(row, row + width);
                values.push_back(static_cast<double>(*likeliest));
                classes.push_back(static_cast<std::int32_t>(likeliest - row));
                break;
            }
            }
        }
    }
}

std::unique_ptr<Evaluation> MlpPredictor::evaluation(std::span<const ColumnDescription> columns) const {
    return std::make_unique<TableEvaluation>(tasks_, columns);
}

}  // namespace tensile
