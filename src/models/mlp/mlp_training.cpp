// See mlp_training.h.
#include "models/mlp/mlp_training.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "models/mlp/mlp_options.h"
#include "models/mlp/mlp_programs.h"
#include "models/table/category_encoding.h"
#include "models/weight_layout.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kDuplicateColumn = "42701";
constexpr std::string_view kCharacterNotInRepertoire = "22021";
// Rows that an evaluation step takes when batches are smaller.
constexpr std::int64_t kEvaluationRows = 1024;

// Names are stored with the model, as UTF-8.
void require_utf8_name(const std::string& name) {
    if (is_utf8(name)) return;
    throw Error(kCharacterNotInRepertoire, "name of a column is not valid UTF-8",
                "The names of columns are stored with the model.", "Give the columns of the query other names.");
}

void require_distinct_columns(std::span<const ColumnDescription> columns) {
    std::vector<std::string_view> names;
    for (const ColumnDescription& column : columns)
        names.push_back(column.name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice == names.end()) return;
    throw Error(kDuplicateColumn, "column \"" + std::string(*twice) + "\" is returned more than once by the query",
                "Columns are found by name, so each must have its own.",
                "Give the columns of the query different names.");
}

// Positions of the targets; throws Error 22023 (none, repeated), 42703 (unknown), 42804 (of a type that cannot be
// predicted).
std::vector<int> find_targets(const TrainingRequest& request) {
    if (request.targets.empty())
        throw Error(sqlstate::kInvalidParameterValue, "at least one target column is needed", {},
                    "Name the columns to be predicted, as in target => '{churned}'.");
    std::vector<int> targets;
    for (const std::string& name : request.targets) {
        const auto found = std::ranges::find(request.columns, name, &ColumnDescription::name);
        if (found == request.columns.end()) {
            std::string names;
            for (const ColumnDescription& column : request.columns)
                names += (names.empty() ? "\"" : ", \"") + column.name + "\"";
            if (names.size() > 1000) names = names.substr(0, 1000) + ", ...";
            throw Error(sqlstate::kUndefinedColumn, "target column \"" + name + "\" is not returned by the query", {},
                        "The query returns " + names + ".");
        }
        if (found->meaning == ColumnMeaning::kTimestamp || found->meaning == ColumnMeaning::kBlock)
            throw Error(sqlstate::kDatatypeMismatch,
                        "column \"" + name + "\" of type " + found->type_name + " cannot be a target",
                        "Targets are numbers, booleans, text or enums.",
                        found->meaning == ColumnMeaning::kTimestamp
                            ? "Predict a number made of it, such as extract(epoch ...)."
                            : "Predict its elements as separate columns.");
        const auto position = static_cast<int>(found - request.columns.begin());
        if (std::ranges::find(targets, position) != targets.end())
            throw Error(sqlstate::kInvalidParameterValue, "target column \"" + name + "\" is named more than once");
        targets.push_back(position);
    }
    return targets;
}

}  // namespace

MlpTraining::MlpTraining(const TrainingRequest& request)
    : model_name_(request.model_name),
      declared_options_(Options::parse("mlp", mlp_option_declarations(), request.options_json)),
      options_(mlp_options(declared_options_)) {
    for (const ColumnDescription& column : request.columns)
        require_utf8_name(column.name);
    require_distinct_columns(request.columns);
    targets_ = find_targets(request);
    for (int column = 0; column < static_cast<int>(request.columns.size()); ++column)
        if (std::ranges::find(targets_, column) == targets_.end()) features_.push_back(column);
    if (features_.empty())
        throw Error(sqlstate::kInvalidParameterValue, "query returns no column to learn from",
                    "Every column of the query is a target.", "Let the query return further columns as features.");
    rows_.emplace(request.columns, targets_, options_.validation, options_.seed);
}

void MlpTraining::append_rows(const RawRows& rows) {
    if (!rows_) throw InternalError("rows arrived after the last one");
    rows_->append(rows);
}

void MlpTraining::finish_rows(const std::atomic<bool>* stop) {
    if (!rows_) throw InternalError("rows are finished already");
    counts_ = {rows_->rows_read(), rows_->rows_kept(), rows_->rows_read() - rows_->rows_kept()};
    if (counts_.read == 0) throw Error(sqlstate::kInvalidParameterValue, "query returned no rows to train on");
    if (counts_.used == 0 && counts_.read > 1)
        throw Error(sqlstate::kInvalidParameterValue,
                    "target column \"" + rows_->description(targets_[0]).name + "\" has no value in any row",
                    "No target has a value in any of the " + std::to_string(counts_.read) +
                        " rows: they hold NULL, NaN or infinity.",
                    "Choose another target, or a query that returns rows in which it is known.");
    if (counts_.used < 2)
        throw Error(sqlstate::kInvalidParameterValue, "query returned too few rows to train on",
                    "Rows returned: " + std::to_string(counts_.read) + ", of which " + std::to_string(counts_.used) +
                        " have a target value; at least 2 are needed.");
    for (int target : targets_)
        tasks_.push_back(TargetEncoding::fit(rows_->column(target), rows_->is_training(), stop));
    if (std::ranges::count(rows_->is_training(), 1) == 0)
        throw Error(sqlstate::kInvalidParameterValue, "no row is left to train on",
                    "All " + std::to_string(counts_.used) + " usable rows were held back for validation.",
                    "Lower \"validation\", or let the query return more rows.");
    table_ = TableEncoding::fit(*rows_, features_, options_.max_categories, options_.embedding_size, stop);
    data_.emplace(*std::exchange(rows_, std::nullopt), table_, features_, tasks_, targets_, stop);
    network_.emplace(table_, tasks_, options_);
    build_job(stop);
}

void MlpTraining::build_job(const std::atomic<bool>* stop) {
    const auto rows = static_cast<std::int64_t>(data_->training_rows().size());
    const EvenParts batches{rows, (rows + options_.batch_size - 1) / options_.batch_size};
    const std::int64_t slices = std::min(options_.micro_batches, batches.least());
    const std::int64_t capacity = EvenParts{batches.greatest(), slices}.greatest();
    const auto validation_rows = static_cast<std::int64_t>(data_->validation_rows().size());

    const MlpProgramBuilder builder(*network_, options_, tasks_);
    MlpProgramSet programs;
    const auto add = [&](MlpProgramSet::Kind kind, MlpProgram program) {
        programs.entries.push_back({kind, std::move(program.inputs), program.capacity});
        job_.programs.push_back(std::move(program.program));
    };
    const auto add_variables = [&](std::vector<Variable> variables) {
        std::ranges::move(variables, std::back_inserter(job_.variables));
    };
    add_variables(network_->weights());
    add_variables(builder.optimizer_state());
    if (slices == 1) {
        add(MlpProgramSet::kTrain, builder.training(capacity, MlpSlice::kWhole));
    } else {
        add_variables(builder.gradient_sums());
        add(MlpProgramSet::kFirstSlice, builder.training(capacity, MlpSlice::kFirst));
        if (slices > 2) add(MlpProgramSet::kMiddleSlice, builder.training(capacity, MlpSlice::kMiddle));
        add(MlpProgramSet::kLastSlice, builder.training(capacity, MlpSlice::kLast));
    }
    const std::int64_t evaluated_rows = validation_rows > 0 ? validation_rows : batches.greatest();
    add(MlpProgramSet::kEvaluate, builder.evaluation(std::min(evaluated_rows, std::max(capacity, kEvaluationRows))));
    if (validation_rows > 0 && options_.patience > 0) {
        add_variables(builder.best_weights());
        add(MlpProgramSet::kKeepBest, builder.keep_best());
        add(MlpProgramSet::kRestoreBest, builder.restore_best());
    }
    auto driver = std::make_unique<MlpDriver>(*data_, tasks_, options_, std::move(programs), slices, stop);
    driver_ = driver.get();
    job_.driver = std::move(driver);
}

std::uint64_t MlpTraining::bytes() const {
    if (rows_) return rows_->bytes();
    if (!data_) return 0;
    // Beside the packed rows: the order of an epoch, and predictions of the validation rows with their truth.
    const std::uint64_t order = data_->training_rows().size() * sizeof(std::uint32_t);
    const std::uint64_t scores = data_->validation_rows().size() * tasks_.size() * (sizeof(double) + 1);
    return data_->bytes() + order + scores;
}

Job& MlpTraining::job() {
    if (driver_ == nullptr) throw InternalError("the job exists once the rows are finished");
    return job_;
}

const MlpDriver& MlpTraining::driver() const {
    if (driver_ == nullptr) throw InternalError("the job exists once the rows are finished");
    return *driver_;
}

TrainingProgress MlpTraining::progress() const {
    if (driver_ != nullptr) return driver_->progress();
    TrainingProgress progress;
    progress.phase = "reading";
    progress.epochs = static_cast<int>(options_.epochs);
    return progress;
}

std::vector<LogLine> MlpTraining::take_log() {
    return driver_ != nullptr ? driver_->take_log() : std::vector<LogLine>{};
}

RowCounts MlpTraining::row_counts() const {
    if (!rows_) return counts_;
    return {rows_->rows_read(), rows_->rows_kept(), rows_->rows_read() - rows_->rows_kept()};
}

bool MlpTraining::stopped_early() const {
    return driver().stopped_early();
}

std::string MlpTraining::manifest() const {
    nlohmann::ordered_json json;
    json["format"] = 1;
    json["method"] = "mlp";
    json["options"] = declared_options_.to_json();
    json["features"] = table_.to_json();
    json["tasks"] = nlohmann::ordered_json::array();
    for (const TargetEncoding& task : tasks_)
        json["tasks"].push_back(task.to_json());
    json["weights"] = weights_to_json(job_.variables);
    json["rows"] = {{"read", counts_.read},
                    {"used", counts_.used},
                    {"training", data_->training_rows().size()},
                    {"validation", data_->validation_rows().size()}};
    json["training"] = {{"epochs", driver().epochs_run()},
                        {"best_epoch", driver().best_epoch()},
                        {"stopped_early", driver().stopped_early()}};
    return json.dump();
}

std::vector<TaskMetric> MlpTraining::metrics() const {
    return driver().metrics();
}

}  // namespace tensile
