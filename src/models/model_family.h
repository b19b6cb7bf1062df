// What a model family offers: its declared options, how to make a training job from rows, and how to make predictions
// from a stored model. One folder below src/models/ a family. Families know programs and jobs, but no device, pool,
// session or database: the engine moves their bytes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/job.h"
#include "graph/precision.h"
#include "models/options.h"
#include "models/table/raw_rows.h"

namespace tensile {

struct TaskMetric {
    std::string task;
    std::string name;  // auc, accuracy, log_loss, rmse, mae, r2, loss, ...
    double value = 0;
};

struct LogLine {
    int epoch = 0;  // from 1
    std::string task;
    std::string metric;  // train_loss, validation_loss, learning_rate, ...
    double value = 0;
};

struct TrainingProgress {
    std::string phase;
    int epoch = 0;
    int epochs = 0;
    std::int64_t step = 0;
    std::int64_t steps = 0;
    double loss = 0;
    std::int64_t rows_trained = 0;  // over all epochs so far; gives rows per second
};

struct RowCounts {
    std::int64_t read = 0;
    std::int64_t used = 0;
    std::int64_t discarded = 0;  // no target at all, ...
};

// One output of a model as prediction returns it.
struct PredictionOutput {
    std::string task;
    std::string kind;       // regression, binary, multiclass
    std::string type_name;  // natural SQL type of the label: "double precision", "boolean", "text", ...
};

// What a prediction fills for one batch: for each output in order a value a row (the value of a regression, the
// probability of the positive class of a binary output, the probability of the likeliest class of others), and for
// class outputs the code of the likeliest class, whose text is labels[output][code].
struct PredictionColumns {
    std::vector<std::vector<double>> values;
    std::vector<std::vector<std::int32_t>> classes;  // empty for regressions
    // Asked for by setting keep_distributions: of multiclass outputs the probabilities of all classes, row-major
    // [rows, classes]. An Evaluation needs them for log_loss.
    bool keep_distributions = false;
    std::vector<std::vector<float>> distributions;
};

// Judges predictions against rows that hold the targets, block by block. Rows whose target is NULL are skipped for that
// target; a row that has none counts as discarded.
class Evaluation {
  public:
    virtual ~Evaluation() = default;
    // `predictions` are those of `rows`, in their order.
    virtual void add(const PredictionColumns& predictions, const RawRows& rows) = 0;
    virtual RowCounts row_counts() const = 0;
    // Throws Error 57014 soon after `stop` is set.
    virtual std::vector<TaskMetric> metrics(const std::atomic<bool>* stop) const = 0;
};

// A relation whose rows a training wants beside those of its query.
struct SideTable {
    std::string name;      // what it is for, in messages: "graph of mode \"station\""
    std::string relation;  // as the user wrote it, possibly with schema and quotes
};

// Training from the moment its rows are declared. Life: append_rows()*, for each side table begin_side_table() and
// append_rows()*, finish_rows(), job() run by the runtime (unless it has no programs), then manifest(), metrics() and
// the host weights.
class Training {
  public:
    virtual ~Training() = default;
    // Copies rows into the packed data set. Bytes held so far are bytes().
    virtual void append_rows(const RawRows& rows) = 0;
    // Relations to be read behind the query, in this order.
    virtual std::vector<SideTable> side_tables() const { return {}; }
    // From here on append_rows() takes rows of that table, which has these columns. Throws Error 42804, 42703 for
    // columns that cannot be used.
    virtual void begin_side_table(std::size_t index, std::span<const ColumnDescription> columns);
    // Fits encodings, splits, builds programs; throws Error for data that cannot be learned from (no rows, one class,
    // ...), and 57014 soon after `stop` is set: a great table takes a while. The job's driver looks at `stop` too, when
    // it judges an epoch.
    virtual void finish_rows(const std::atomic<bool>* stop = nullptr) = 0;
    virtual std::uint64_t bytes() const = 0;
    // What the job's programs are to be computed with.
    virtual Precision precision() const { return Precision::kFloat32; }
    // The job with its driver; valid after finish_rows(). Without programs when all is done already (a closed form).
    virtual Job& job() = 0;
    virtual TrainingProgress progress() const = 0;
    // Lines logged since the last call.
    virtual std::vector<LogLine> take_log() = 0;
    virtual RowCounts row_counts() const = 0;
    virtual bool stopped_early() const = 0;
    // After the job has ended: the model as JSON (method, options, columns, encodings, tasks, layout of the weights:
    // names, types, offsets in declaration order of the variables flagged is_weight) ...
    virtual std::string manifest() const = 0;
    // ... and the metrics on the validation rows.
    virtual std::vector<TaskMetric> metrics() const = 0;
    // Bytes of the model that never go to the device. In the stored weights they follow those of the variables, at the
    // next multiple of 64. `out` is of that size.
    virtual std::uint64_t host_weight_bytes() const { return 0; }
    virtual void write_host_weights(std::span<std::byte> out) const;
};

class SeriesPredictor;

// A stored model made ready to predict: built from a manifest, and from the host weights where it has any. The engine
// supplies the other weights as variables.
class Predictor {
  public:
    virtual ~Predictor() = default;
    virtual std::span<const PredictionOutput> outputs() const = 0;
    virtual std::span<const std::string> labels(int output) const = 0;
    // Weight variables in the order of their bytes in the stored weights (each 64-byte aligned; see weight_offsets).
    virtual std::span<const Variable> variables() const = 0;
    virtual std::span<const std::uint64_t> weight_offsets() const = 0;
    // Of all stored weights: those of the variables and the host weights behind them.
    virtual std::uint64_t weight_bytes() const = 0;
    virtual std::uint64_t host_weight_bytes() const { return 0; }
    // Called once, before anything but variables, offsets and sizes is asked, with the last host_weight_bytes() of the
    // stored weights; does not keep them. Throws Error XX001 when they do not suit the manifest.
    virtual void take_host_weights(std::span<const std::byte> bytes);
    // Models of time series do not predict rows; they forecast.
    virtual const SeriesPredictor* as_series() const { return nullptr; }
    // The forward program for batches of at most `capacity` rows.
    virtual Program program(std::int64_t capacity) const = 0;
    // Resolves the columns that a session will send against the model's features by name; throws Error 42703 (missing
    // column) or 42804 (wrong type). The result maps feature → position in RawRows.
    virtual std::vector<int> bind_columns(std::span<const ColumnDescription> columns) const = 0;
    // Encodes rows [begin, end) into the program's inputs (by input order) starting at row 0, zero-filling up to the
    // capacity.
    virtual void encode(const RawRows& rows, std::span<const int> columns, std::int64_t begin, std::int64_t end,
                        std::span<const TensorView> inputs) const = 0;
    // Appends `count` rows of the program's outputs to `columns`.
    virtual void decode(std::span<const TensorView> outputs, std::int64_t count, PredictionColumns& columns) const = 0;
    // Starts judging predictions of rows with these columns (tensile.evaluate); throws Error 42703 when a target is
    // missing, 42804 when it has another type.
    virtual std::unique_ptr<Evaluation> evaluation(std::span<const ColumnDescription> columns) const = 0;
    // The same for rows that come in one block. Returns the metrics and sets the counts of rows read and used.
    std::vector<TaskMetric> evaluate(const PredictionColumns& predictions, const RawRows& rows,
                                     std::span<const ColumnDescription> columns, RowCounts& counts) const {
        const std::unique_ptr<Evaluation> judged = evaluation(columns);
        judged->add(predictions, rows);
        counts = judged->row_counts();
        return judged->metrics(nullptr);
    }
};

struct TrainingRequest {
    std::string model_name;
    std::string options_json;
    std::vector<std::string> targets;
    std::vector<ColumnDescription> columns;
};

class ModelFamily {
  public:
    virtual ~ModelFamily() = default;
    virtual std::string_view name() const = 0;
    virtual std::string_view help() const = 0;
    virtual std::span<const OptionDeclaration> options() const = 0;
    // Validates options, targets and column types before any row is read.
    virtual std::unique_ptr<Training> train(const TrainingRequest& request) const = 0;
    virtual std::unique_ptr<Predictor> load(std::string_view manifest) const = 0;
    // A training that goes on from a model of this family, whose device weights are given in the order of its
    // variables(), each where weight_offsets() says. Throws Error 0A000 for families that cannot.
    virtual std::unique_ptr<Training> refresh(const TrainingRequest& request, std::shared_ptr<const Predictor> base,
                                              std::vector<std::byte> weights) const;
};

// Every family, by name; throws Error 22023 with a hint that lists the names.
const ModelFamily& family_named(std::string_view name);
std::span<const ModelFamily* const> all_families();

}  // namespace tensile
