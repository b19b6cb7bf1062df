// A forecasting method as a model family: from rows to a stored model, and forecasts of what was loaded again.
#include "models/series/series_family.h"

#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "models/seasonal_naive/seasonal_naive.h"
#include "series_fixture.h"

namespace tensile {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// Two stations, hourly, four days; "b" begins a day later.
Observations two_stations() {
    Observations rows;
    for (int hour = 0; hour < 96; ++hour) {
        rows.add("a", hour * kHour, static_cast<float>(hour % 24));
        if (hour >= 24) rows.add("b", hour * kHour, static_cast<float>(100 + hour % 24));
    }
    return rows;
}

TEST(SeriesFamily, ForecastsWhatWasStoredAndLoaded) {
    const SampleTable table = two_stations().table();
    const auto training = train_series(table);
    EXPECT_TRUE(training->job().programs.empty());
    EXPECT_EQ(training->row_counts().read, 168);
    const auto predictor = stored_and_loaded(*training);
    const SeriesPredictor* model = predictor->as_series();
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->table().steps, 96);
    EXPECT_EQ(model->table().series(), 2);
    EXPECT_EQ(model->table().axis.step.to_string(), "1 hour");
    EXPECT_EQ(model->data().season, 24);
    EXPECT_TRUE(model->time_has_zone());
    EXPECT_EQ(model->report().series[1].first, 24);

    NoRunner runner;
    const Forecast forecast = model->forecaster().forecast(model->table(), {}, 30, 0.9, runner, nullptr);
    ASSERT_EQ(forecast.mean.size(), 60U);
    for (std::size_t h = 0; h < 30; ++h) {
        EXPECT_EQ(forecast.mean[2 * h], static_cast<float>(h % 24));
        EXPECT_EQ(forecast.mean[2 * h + 1], static_cast<float>(100 + h % 24));
        EXPECT_EQ(forecast.lower[2 * h], forecast.mean[2 * h]);
    }
}

// A method that notes what it is given, and whose weights are bytes of its own.
class EchoMethod final : public SeriesMethod {
  public:
    struct Seen {
        SeriesSettings settings;
        std::size_t graphs = 0;
        std::int64_t series = 0;
        std::int64_t steps = 0;
        std::string note;
        bool previous = false;
    };

    class Fit final : public SeriesFit {
      public:
        explicit Fit(std::string note) : note_(std::move(note)) {}
        Job& job() override { return job_; }
        TrainingProgress progress() const override { return {}; }
        std::vector<LogLine> take_log() override { return {}; }
        nlohmann::ordered_json manifest() const override { return {{"length", note_.size()}}; }
        std::vector<std::byte> host_weights() const override {
            const auto bytes = std::as_bytes(std::span(note_));
            return {bytes.begin(), bytes.end()};
        }
        std::vector<TaskMetric> metrics() const override { return {{"echo", "rmse", 1}}; }
        std::uint64_t bytes() const override { return note_.size(); }

      private:
        std::string note_;
        Job job_;
    };

    class Forecaster final : public SeriesForecaster {
      public:
        explicit Forecaster(std::string note) : note(std::move(note)) {}
        Forecast forecast(const SeriesTable&, std::span<const Covariate>, std::int64_t, double, ForwardRunner&,
                          const std::atomic<bool>*) const override {
            return {};
        }
        Imputation impute(const SeriesTable&, double, ForwardRunner&, const std::atomic<bool>*) const override {
            return {};
        }
        std::string note;
    };

    std::string_view name() const override { return "echo"; }
    std::string_view help() const override { return "Notes what it is given."; }
    std::span<const OptionDeclaration> options() const override { return declarations_; }
    bool needs_dense_table(const Options&) const override { return true; }
    std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const Options& options,
                                   const Previous* previous) const override {
        seen = {settings, table.graphs.size(), table.series(), table.steps, options.text("note"), previous != nullptr};
        return std::make_unique<Fit>(options.text("note"));
    }
    std::unique_ptr<SeriesForecaster> load(const nlohmann::ordered_json& manifest,
                                           std::span<const std::byte> host_weights, const SeriesTable&) const override {
        EXPECT_EQ(manifest.at("length"), host_weights.size());
        return std::make_unique<Forecaster>(
            std::string(reinterpret_cast<const char*>(host_weights.data()), host_weights.size()));
    }

    mutable Seen seen;

  private:
    std::vector<OptionDeclaration> declarations_ = {{"note", OptionType::kText, "\"\"", {}, {}, {}, "What to keep."}};
};

SampleTable two_modes(const std::vector<float>& prices = {}) {
    SampleTable table;
    std::vector<Timestamp> times;
    std::vector<std::string> sites;
    std::vector<std::string> kinds;
    std::vector<float> values;
    for (int step = 0; step < 10; ++step)
        for (const auto& [site, kind] : {std::pair("s", "x"), {"s", "y"}, {"t", "x"}}) {
            times.push_back(step * kDay);
            sites.emplace_back(site);
            kinds.emplace_back(kind);
            values.push_back(static_cast<float>(step));
        }
    table.add_time("ts", times);
    table.add_text("site", sites);
    table.add_text("kind", kinds);
    table.add("value", values);
    if (!prices.empty()) table.add("price", prices);
    return table;
}

SampleTable edge_table(const std::string& to) {
    SampleTable table;
    table.add_text("a", {"s"});
    table.add_text("b", {to});
    return table;
}

std::vector<std::byte> host_weights_of(const Training& training) {
    std::vector<std::byte> weights(training.host_weight_bytes(), std::byte{0x5A});
    training.write_host_weights(weights);
    return weights;
}

TEST(SeriesFamily, GraphsAreSideTablesAndAreStored) {
    const EchoMethod method;
    const SeriesFamily family(method);
    const SampleTable table = two_modes();
    const auto training =
        family.train({"test",
                      R"({"graphs": {"kind": "public.kinds", "site": "roads"}, "note": "hello", "season": 5})",
                      {},
                      table.descriptions()});
    const std::vector<SideTable> sides = training->side_tables();
    ASSERT_EQ(sides.size(), 2U);
    EXPECT_EQ(sides[0].name, "graph of mode \"kind\"");
    EXPECT_EQ(sides[0].relation, "public.kinds");
    training->append_rows(table.rows());
    SampleTable kind_edges;
    kind_edges.add_text("from", {"x", "y"});
    kind_edges.add_text("to", {"y", "x"});
    kind_edges.add("weight", std::vector<double>{0.25, 4});
    training->begin_side_table(0, kind_edges.descriptions());
    training->append_rows(kind_edges.rows());
    const SampleTable roads = edge_table("t");
    training->begin_side_table(1, roads.descriptions());
    training->append_rows(roads.rows());
    training->finish_rows(nullptr);
    EXPECT_EQ(method.seen.graphs, 2U);
    EXPECT_EQ(method.seen.series, 4);  // dense
    EXPECT_EQ(method.seen.settings.season, 5);
    EXPECT_EQ(training->row_counts().read, 30);

    const auto predictor = family.load(training->manifest());
    predictor->take_host_weights(host_weights_of(*training));
    const SeriesPredictor& model = *predictor->as_series();
    EXPECT_EQ(static_cast<const EchoMethod::Forecaster&>(model.forecaster()).note, "hello");
    ASSERT_EQ(model.table().graphs.size(), 2U);
    EXPECT_EQ(model.table().graphs[0].mode, 1);
    EXPECT_EQ(model.table().graphs[0].edges[1].weight, 4);
    EXPECT_EQ(model.table().graphs[1].mode, 0);
    EXPECT_EQ(describe_series(model.table(), 2), "site=t, kind=x");
    EXPECT_EQ(model.report().series[3].status, SeriesStatus::kNoValues);
    EXPECT_EQ(model.data().season, 5);
}

TEST(SeriesFamily, AGraphOfUnknownKeysStopsTheTraining) {
    const EchoMethod method;
    const SeriesFamily family(method);
    const SampleTable table = two_modes();
    const auto training = family.train({"test", R"({"graphs": {"site": "roads"}})", {}, table.descriptions()});
    training->append_rows(table.rows());
    const SampleTable roads = edge_table("nowhere");
    training->begin_side_table(0, roads.descriptions());
    training->append_rows(roads.rows());
    const Error error = error_of([&] { training->finish_rows(nullptr); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_THAT(error.message(), HasSubstr("names a key \"nowhere\""));
}

TEST(SeriesFamily, TheSameRowsMakeTheSameBytes) {
    const SampleTable table = two_stations().table();
    const auto one = train_series(table);
    const auto other = train_series(table);
    EXPECT_EQ(one->manifest(), other->manifest());
    EXPECT_EQ(host_weights_of(*one), host_weights_of(*other));
}

TEST(SeriesFamily, MetricsTellWhatTheTableHolds) {
    const auto training = train_series(two_stations().table());
    std::map<std::string, double> told;
    for (const TaskMetric& metric : training->metrics())
        told[metric.task + "." + metric.name] = metric.value;
    EXPECT_EQ(told.at("series.steps"), 96);
    EXPECT_EQ(told.at("series.series_late_start"), 1);
    EXPECT_EQ(told.at("seasonal_naive.rmse"), 0);
}

TEST(SeriesFamily, ModelsOfSeriesDoNotPredictRows) {
    const SampleTable table = two_stations().table();
    const auto predictor = stored_and_loaded(*train_series(table));
    PredictionColumns columns;
    for (const std::function<void()>& use :
         {std::function<void()>([&] { predictor->bind_columns(table.descriptions()); }),
          std::function<void()>([&] { predictor->encode(table.rows(), {}, 0, 1, {}); }),
          std::function<void()>([&] { predictor->decode({}, 1, columns); }),
          std::function<void()>([&] { predictor->evaluation(table.descriptions()); })}) {
        const Error error = error_of(use);
        EXPECT_EQ(error.sqlstate(), sqlstate::kFeatureNotSupported);
        EXPECT_EQ(error.message(), "model forecasts series and does not predict rows");
        EXPECT_THAT(error.hint(), HasSubstr("tensile.forecast()"));
    }
}

TEST(SeriesFamily, FreshRowsAreFoundByName) {
    const auto predictor = stored_and_loaded(*train_series(two_stations().table()));
    const SeriesPredictor& model = *predictor->as_series();
    SampleTable fresh;  // other order, one column more
    fresh.add("value", std::vector<float>{500});
    fresh.add_text("note", {"?"});
    fresh.add_text("station", {"b"});
    fresh.add_time("ts", {97 * kHour});
    SeriesCollector rows = model.fresh_rows(fresh.descriptions());
    rows.append(fresh.rows());
    const SeriesData data = model.extended(std::move(rows), nullptr);
    EXPECT_EQ(data.table.steps, 98);
    EXPECT_EQ(data.table.at(97)[1], 500);
    EXPECT_TRUE(std::isnan(data.table.at(96)[1]));
    const auto bind_error = [&](std::vector<ColumnDescription> columns) {
        return error_of([&] { model.fresh_rows(columns); });
    };
    std::vector<ColumnDescription> columns = fresh.descriptions();
    columns[3].name = "when";
    const Error renamed = bind_error(columns);
    EXPECT_EQ(renamed.sqlstate(), sqlstate::kUndefinedColumn);
    EXPECT_EQ(renamed.message(), "column \"ts\" is not returned by the query");
    EXPECT_EQ(renamed.hint(), "The query returns \"value\", \"note\", \"station\", \"when\".");
    // Times of a local clock are others than points in time.
    columns[3] = {"ts", "timestamp without time zone", ColumnMeaning::kTimestamp};
    const Error zone = bind_error(columns);
    EXPECT_EQ(zone.sqlstate(), sqlstate::kDatatypeMismatch);
    EXPECT_EQ(zone.message(), "column \"ts\" has type timestamp without time zone instead of timestamp with time zone");
    EXPECT_EQ(zone.hint(), "Convert it with AT TIME ZONE, or add a type cast.");
    columns[3] = {"ts", "text", ColumnMeaning::kText};
    EXPECT_EQ(bind_error(columns).hint(), "You might need to add a type cast.");
}

TEST(SeriesFamily, ASeasonThatDoesNotFitIsRefused) {
    const Error error = error_of([] { train_series(two_stations().table(), R"({"season": 96})"); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(error.message(), "season is not shorter than the series");
    EXPECT_EQ(error.detail(), "Option \"season\" is 96, but there are only 96 points in time.");
}

TEST(SeriesFamily, RefitTakesAnotherTableAndTheOptionsOfTheModel) {
    const EchoMethod method;
    const SeriesFamily family(method);
    const std::vector<float> prices(30, 2);
    const SampleTable table = two_modes(prices);
    const auto training = family.train(
        {"test", R"({"note": "kept", "horizon": 3, "seed": 9, "value": "value"})", {}, table.descriptions()});
    training->append_rows(table.rows());
    training->finish_rows(nullptr);
    auto predictor = family.load(training->manifest());
    const std::vector<std::byte> weights = host_weights_of(*training);
    predictor->take_host_weights(weights);
    const SeriesPredictor& model = *predictor->as_series();
    method.seen = {};
    const SeriesMethod::Previous previous{model.forecaster(), {}};
    const auto again = family.refit(model, first_steps(model.table(), 6), &previous, nullptr);
    EXPECT_EQ(method.seen.steps, 6);
    EXPECT_EQ(method.seen.note, "kept");
    EXPECT_EQ(method.seen.settings.horizon, 3);
    EXPECT_EQ(method.seen.settings.seed, 9U);
    EXPECT_TRUE(method.seen.previous);
    EXPECT_TRUE(again->job().programs.empty());
    const auto reloaded = family.load(again->manifest());
    reloaded->take_host_weights(host_weights_of(*again));
    EXPECT_EQ(reloaded->as_series()->table().steps, 6);
    EXPECT_EQ(reloaded->as_series()->report().series[0].observed, 6);
}

TEST(SeriesFamily, DamagedModelsAreRefused) {
    const auto training = train_series(two_stations().table());
    const std::string manifest = training->manifest();
    const std::vector<std::byte> weights = host_weights_of(*training);
    const auto load_error = [&](const std::function<void(nlohmann::ordered_json&)>& change,
                                std::vector<std::byte> bytes) {
        auto json = nlohmann::ordered_json::parse(manifest);
        change(json);
        const Error error = error_of([&] {
            const auto predictor = family_named("seasonal_naive").load(json.dump());
            predictor->take_host_weights(bytes);
        });
        EXPECT_EQ(error.sqlstate(), sqlstate::kDataCorrupted);
        return error;
    };
    const auto nothing = [](nlohmann::ordered_json&) {};
    std::vector<std::byte> shorter = weights;
    shorter.pop_back();
    load_error(nothing, shorter);
    load_error(nothing, {});
    // Every single number of the manifest replaced by others must end in an error or in a model that can be used.
    const auto flat = nlohmann::ordered_json::parse(manifest).flatten();
    NoRunner runner;
    for (const auto& [path, value] : flat.items()) {
        if (!value.is_number_integer()) continue;
        for (const std::int64_t replacement :
             {std::int64_t{-1}, std::int64_t{0}, std::int64_t{7}, INT64_MAX, INT64_MIN}) {
            auto json = nlohmann::ordered_json::parse(manifest);
            json[nlohmann::ordered_json::json_pointer(path)] = replacement;
            try {
                const auto predictor = family_named("seasonal_naive").load(json.dump());
                predictor->take_host_weights(weights);
                const SeriesPredictor& model = *predictor->as_series();
                model.forecaster().forecast(model.table(), {}, 5, 0.9, runner, nullptr);
            } catch (const Error& error) {
                EXPECT_NE(error.sqlstate(), sqlstate::kInternalError) << path << " " << error.message();
            }
        }
    }
    // Keys that are none: the first ones of the series.
    std::vector<std::byte> wild = weights;
    const auto json = nlohmann::ordered_json::parse(manifest);
    for (const auto& section : json.at("host_weights"))
        if (section.at("name") == "series_keys") wild[section.at("offset").get<std::size_t>() + 3] = std::byte{0x7F};
    load_error(nothing, wild);
    load_error([](auto& changed) { changed.erase("series"); }, weights);
    load_error([](auto& changed) { changed["columns"]["modes"] = nlohmann::ordered_json::array(); }, weights);
}

}  // namespace
}  // namespace tensile
