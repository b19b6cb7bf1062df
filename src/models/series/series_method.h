// What a forecasting method is: its options, how it is fitted to a table of series, and how a fitted one forecasts.
// Rows, keys, side tables, storage and the engine's protocol are the business of SeriesFamily (series_family.h), which
// turns a method into a model family. Methods know no device, session or database.
//
// A fit is either a closed form, whose job has no programs (all is done by the constructor of the fit), or a job that
// the runtime executes. Stored models consist of what the job's weight variables hold, which live on the device, and of
// host weights, which are the method's own bytes; the table itself is stored beside them by SeriesFamily.
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

#include <nlohmann/json_fwd.hpp>

#include "graph/job.h"
#include "models/model_family.h"
#include "models/options.h"
#include "models/series/series_table.h"

namespace tensile {

// Options that every method shares, already resolved.
struct SeriesSettings {
    std::int64_t season = 1;    // steps a cycle; 1: none
    std::int64_t horizon = 24;  // steps ahead that the fit is judged and its intervals are calibrated for
    double validation = 0.2;    // share of the last steps that are not learned from, but judge and calibrate
    std::uint64_t seed = 0;
    const std::atomic<bool>* stop = nullptr;  // polled; work ends with Error 57014 soon after it is set
};

// Forecasts of all series: [horizon, series], step-major like the table. NaN: no forecast (a series without values).
struct Forecast {
    std::int64_t horizon = 0;
    std::vector<float> mean;
    std::vector<float> lower;
    std::vector<float> upper;
};

// Estimates for the missing cells of a table, in ascending order of (step, series).
struct Imputation {
    struct Cell {
        std::int64_t step;
        std::int64_t series;
        float mean;
        float lower;
        float upper;
    };
    std::vector<Cell> cells;
};

// Runs the forward program of a fitted network; the engine implements it over its borrowed contexts, tests over the
// interpreter. One thread uses one at a time.
class ForwardRunner {
  public:
    virtual ~ForwardRunner() = default;
    // Runs `rows` rows in batches: `fill` writes rows [begin, begin + count) of the caller's work into rows 0 ... count
    // - 1 of the program's inputs (by input order), `take` reads as many rows of its outputs. Throws Error 57014 when
    // stopped.
    using Fill = std::function<void(std::int64_t begin, std::int64_t count, std::span<const TensorView> inputs)>;
    using Take = std::function<void(std::int64_t begin, std::int64_t count, std::span<const TensorView> outputs)>;
    virtual void run(std::int64_t rows, const Fill& fill, const Take& take) = 0;
};

// A fitted method. Immutable and thread-safe once loaded.
class SeriesForecaster {
  public:
    virtual ~SeriesForecaster() = default;

    // Network weights on the device, in the order of their bytes; none for a closed form.
    virtual std::span<const Variable> variables() const { return {}; }
    // The forward program for at most `capacity` rows; only called when there are variables().
    virtual Program program(std::int64_t capacity) const;

    // Mean and interval of every series for the `horizon` steps after the last point of `history`, which has the
    // series, keys and covariates of the table that the method was fitted to, and may be longer or newer.
    // `future` holds covariates of those steps ([horizon, series] each), or is empty. `level` in (0, 1) is the share of
    // values that the interval shall hold.
    virtual Forecast forecast(const SeriesTable& history, std::span<const Covariate> future, std::int64_t horizon,
                              double level, ForwardRunner& runner, const std::atomic<bool>* stop) const = 0;
    // Estimates for the missing cells of `history` between the first and the last observed point of each series, from
    // values before and after.
    virtual Imputation impute(const SeriesTable& history, double level, ForwardRunner& runner,
                              const std::atomic<bool>* stop) const = 0;
};

// One fitting, from a table to weights.
class SeriesFit {
  public:
    virtual ~SeriesFit() = default;
    // Without programs when the fit is complete already. Runs before manifest(), host_weights() and metrics() are
    // asked.
    virtual Job& job() = 0;
    virtual TrainingProgress progress() const = 0;
    virtual std::vector<LogLine> take_log() = 0;
    virtual bool stopped_early() const { return false; }
    // What load() needs beside weights and table.
    virtual nlohmann::ordered_json manifest() const = 0;
    virtual std::vector<std::byte> host_weights() const { return {}; }
    // On the validation span; task: the name of the method or candidate.
    virtual std::vector<TaskMetric> metrics() const = 0;
    virtual std::uint64_t bytes() const = 0;
};

class SeriesMethod {
  public:
    virtual ~SeriesMethod() = default;
    virtual std::string_view name() const = 0;
    virtual std::string_view help() const = 0;
    virtual std::span<const OptionDeclaration> options() const = 0;  // besides the shared ones
    // Whether it wants the dense table (tensor methods). Throws Error 22023 for options that it cannot use.
    virtual bool needs_dense_table(const Options&) const { return false; }
    // Throws Error 22023 for a table that the method cannot learn from. `table` outlives the fit. With `previous`,
    // training goes on from that model's weights, which have been read from the device in the order of variables().
    struct Previous {
        const SeriesForecaster& forecaster;
        std::span<const std::byte> weights;
    };
    virtual std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings,
                                           const Options& options, const Previous* previous) const = 0;
    virtual std::unique_ptr<SeriesForecaster> load(const nlohmann::ordered_json& manifest,
                                                   std::span<const std::byte> host_weights,
                                                   const SeriesTable& table) const = 0;
};

}  // namespace tensile
