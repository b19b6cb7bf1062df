// See auto_forecast.h.
#include "models/auto_forecast/auto_forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "models/forecast/closed_form_method.h"
#include "models/forecast/forecast_metrics.h"
#include "models/forecast/naive_forecast.h"
#include "models/forecast/pooled_choice.h"
#include "models/linear_forecast/autoregression.h"
#include "models/linear_forecast/linear_map.h"
#include "models/linear_forecast/vector_autoregression.h"
#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

std::span<const ClosedForm* const> all_candidates() {
    static const std::array<const ClosedForm*, 6> forms = {&autoregression(), &linear_map(), &vector_autoregression(),
                                                           &seasonal_naive(), &naive(),      &drift()};
    return forms;
}

const ClosedForm& candidate_named(const std::string& name) {
    std::string names;
    for (const ClosedForm* form : all_candidates()) {
        if (form->name() == name) return *form;
        names += (names.empty() ? "\"" : ", \"") + std::string(form->name()) + "\"";
    }
    throw Error(sqlstate::kInvalidParameterValue, "unrecognized candidate \"" + name + "\" of method \"auto_forecast\"",
                {}, "The candidates are " + names + ".");
}

struct Candidate {
    const ClosedForm* form = nullptr;
    std::shared_ptr<const ClosedFormModel> model;
};

class AutoModel final : public ClosedFormModel {
  public:
    std::vector<Candidate> forms;
    std::vector<std::int32_t> chosen;  // by series and place among the best: [series, average]
    std::int64_t average = 1;
    double optimism_ = 1;
    std::vector<TaskMetric> scores;

    // What each candidate prepared.
    class States final : public PanelState {
      public:
        std::vector<std::unique_ptr<PanelState>> of;
    };

    std::unique_ptr<PanelState> prepare(const SeriesPanel& panel, std::span<const std::int64_t> origins,
                                        std::int64_t horizon, const std::atomic<bool>* stop) const override {
        auto states = std::make_unique<States>();
        for (const Candidate& candidate : forms)
            states->of.push_back(candidate.model->prepare(panel, origins, horizon, stop));
        return states;
    }

    void forecast(const SeriesPanel& panel, const PanelState* state, std::int64_t series,
                  std::span<const std::int64_t> origins, std::int64_t horizon, std::span<float> out) const override {
        const auto& states = dynamic_cast<const States&>(*state);
        std::vector<float> one(out.size());
        std::vector<double> sums(out.size());
        double count = 0;
        for (std::int64_t place = 0; place < average; ++place) {
            const std::int32_t choice = chosen[static_cast<std::size_t>(series * average + place)];
            if (choice < 0) continue;
            const auto candidate = static_cast<std::size_t>(choice);
            forms[candidate].model->forecast(panel, states.of[candidate].get(), series, origins, horizon, one);
            for (std::size_t i = 0; i < one.size(); ++i)
                sums[i] += one[i];
            count += 1;
        }
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = count > 0 ? static_cast<float>(sums[i] / count) : std::numeric_limits<float>::quiet_NaN();
    }

    std::unique_ptr<ClosedFormModel> refit(const SeriesPanel& panel, std::int64_t steps,
                                           const std::atomic<bool>* stop) const override {
        auto again = std::make_unique<AutoModel>();
        for (const Candidate& candidate : forms)
            again->forms.push_back({candidate.form, candidate.model->refit(panel, steps, stop)});
        again->chosen = chosen;
        again->average = average;
        return again;
    }

    std::int64_t fallbacks() const override {
        return std::ranges::count(chosen, -1) / std::max<std::int64_t>(average, 1);
    }
    double optimism() const override { return optimism_; }
    std::vector<TaskMetric> candidates() const override { return scores; }

    void save(Json& manifest, WeightWriter& weights) const override {
        manifest["average"] = average;
        Json& list = manifest["candidates"] = Json::array();
        weights.write(chosen);
        for (const Candidate& candidate : forms) {
            Json own = {{"name", candidate.form->name()}};
            candidate.model->save(own["model"], weights);
            list.push_back(std::move(own));
        }
    }

    std::uint64_t bytes() const override {
        std::uint64_t bytes = chosen.size() * sizeof(std::int32_t);
        for (const Candidate& candidate : forms)
            bytes += candidate.model->bytes();
        return bytes;
    }
};

enum class Criterion : std::uint8_t { kMase, kRmse, kSmape };

double loss(Criterion criterion, double truth, double forecast) {
    const double error = std::abs(truth - forecast);
    if (criterion == Criterion::kRmse) return error * error;
    if (criterion == Criterion::kSmape) return error > 0 ? 200 * error / (std::abs(truth) + std::abs(forecast)) : 0;
    return error;  // the scale of mase is the same for all candidates of a series
}

class AutoForecast final : public ClosedForm {
  public:
    std::string_view name() const override { return "auto_forecast"; }
    std::string_view help() const override {
        return "The closed forms that forecast the validation span best, chosen for every series";
    }
    std::span<const OptionDeclaration> options() const override {
        static const std::array<OptionDeclaration, 4> declarations = {{
            {"candidates",
             OptionType::kTextArray,
             R"(["ar", "linear", "seasonal_naive", "naive", "drift"])",
             {},
             {},
             {},
             "Methods to choose from: ar, linear, var, seasonal_naive, naive, drift"},
            {"criterion",
             OptionType::kChoice,
             "\"mase\"",
             {},
             {},
             {"mase", "rmse", "smape"},
             "What a candidate is judged by on the validation span"},
            {"choice",
             OptionType::kChoice,
             "\"auto\"",
             {},
             {},
             {"auto", "per_series", "shared"},
             "Whether each series takes its own best candidate, all the one that is best on average, or something "
             "between, as one half of "
             "the validation span says about the other"},
            {"average",
             OptionType::kInteger,
             "1",
             1,
             6,
             {},
             "Candidates whose forecasts are averaged: the best so many of each series"},
        }};
        return declarations;
    }

    std::unique_ptr<ClosedFormModel> fit(const SeriesPanel& panel, const ValidationPlan& plan,
                                         const SeriesSettings& settings, const Options& options) const override {
        std::vector<Candidate> tried;
        for (const std::string& name : options.texts("candidates")) {
            const ClosedForm& form = candidate_named(name);
            if (!form.applies_to(panel)) continue;
            const Options defaults = Options::parse(form.name(), form.options(), "{}");
            tried.push_back({&form, form.fit(panel, plan, settings, defaults)});
        }
        if (tried.empty())
            throw Error(sqlstate::kInvalidParameterValue, "method \"auto_forecast\" has no candidate to choose from");

        const std::string& criterion = options.choice("criterion");
        ChoiceErrors errors(panel.series, static_cast<std::int64_t>(tried.size()));
        auto model = std::make_unique<AutoModel>();
        for (std::size_t c = 0; c < tried.size(); ++c)
            judge(tried[c], static_cast<std::int64_t>(c), panel, plan, settings,
                  criterion == "rmse"    ? Criterion::kRmse
                  : criterion == "smape" ? Criterion::kSmape
                                         : Criterion::kMase,
                  errors, model->scores);

        const std::string& how = options.choice("choice");
        constexpr double kShared = 1e6;
        model->average = std::min<std::int64_t>(options.integer("average"), static_cast<std::int64_t>(tried.size()));
        choose(errors, how == "shared" ? kShared : how == "per_series" ? 0 : -1, *model);
        for (const Candidate& candidate : tried)
            model->optimism_ = std::max(model->optimism_, candidate.model->optimism());
        keep_chosen(std::move(tried), *model);
        return model;
    }

    std::unique_ptr<ClosedFormModel> load(const Json& manifest, WeightReader& weights) const override {
        auto model = std::make_unique<AutoModel>();
        manifest.at("average").get_to(model->average);
        model->chosen = weights.read<std::int32_t>();
        for (const Json& candidate : manifest.at("candidates")) {
            const ClosedForm& form = candidate_named(candidate.at("name").get<std::string>());
            model->forms.push_back({&form, form.load(candidate.at("model"), weights)});
        }
        return model;
    }

  private:
    // Forecasts the validation span; sets the candidate's errors by series and appends its scores over all of them.
    static void judge(const Candidate& candidate, std::int64_t index, const SeriesPanel& panel,
                      const ValidationPlan& plan, const SeriesSettings& settings, Criterion criterion,
                      ChoiceErrors& errors, std::vector<TaskMetric>& scores) {
        const std::unique_ptr<PanelState> state =
            candidate.model->prepare(panel, plan.origins, plan.horizon, settings.stop);
        const auto horizon = static_cast<std::size_t>(plan.horizon);
        std::vector<float> forecast(plan.origins.size() * horizon);
        constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
        ForecastScore overall;
        for (std::int64_t series = 0; series < panel.series; ++series) {
            throw_if_stopped(settings.stop);
            const std::span<const float> values = panel.of(series);
            candidate.model->forecast(panel, state.get(), series, plan.origins, plan.horizon, forecast);
            HalvedError halved(plan.origins.size());
            SeriesScore score(seasonal_naive_scale(values.first(static_cast<std::size_t>(plan.fit_steps)),
                                                   std::max<std::int64_t>(settings.season, 1)));
            for (std::size_t o = 0; o < plan.origins.size(); ++o)
                for (std::size_t h = 0; h < horizon; ++h) {
                    const double truth = values[static_cast<std::size_t>(plan.origins[o]) + h];
                    const double mean = forecast[o * horizon + h];
                    if (std::isnan(truth) || std::isnan(mean)) continue;
                    halved.add(o, loss(criterion, truth, mean));
                    score.add(truth, mean, kNone, kNone);
                }
            errors.set(series, index, halved.halves());
            overall.add(score);
        }
        for (const auto& [name, value] : overall.metrics())
            scores.push_back({std::string(candidate.form->name()), std::string(name), value});
    }

    // The best candidates of each series, best first: each is chosen among those that are not taken yet.
    static void choose(const ChoiceErrors& errors, double pooling, AutoModel& model) {
        const auto average = static_cast<std::size_t>(model.average);
        model.chosen.assign(errors.series() * average, -1);
        ChoiceErrors left = errors;
        constexpr std::array<float, 2> kTaken = {std::numeric_limits<float>::infinity(),
                                                 std::numeric_limits<float>::infinity()};
        for (std::size_t place = 0; place < average; ++place) {
            const PooledChoice choice = choose_for_each(left, pooling);
            if (place == 0) model.optimism_ = choice.optimism;
            for (std::size_t s = 0; s < errors.series(); ++s) {
                model.chosen[s * average + place] = choice.chosen[s];
                if (choice.chosen[s] >= 0) left.set(static_cast<std::int64_t>(s), choice.chosen[s], kTaken);
            }
        }
    }

    // Candidates that no series chose are not stored.
    static void keep_chosen(std::vector<Candidate> tried, AutoModel& model) {
        std::vector<std::int32_t> place(tried.size(), -1);
        for (std::int32_t& choice : model.chosen) {
            if (choice < 0) continue;
            std::int32_t& kept = place[static_cast<std::size_t>(choice)];
            if (kept < 0) {
                kept = static_cast<std::int32_t>(model.forms.size());
                model.forms.push_back(tried[static_cast<std::size_t>(choice)]);
            }
            choice = kept;
        }
    }
};

}  // namespace

const ClosedForm& auto_forecast() {
    static const AutoForecast method;
    return method;
}

const SeriesMethod& auto_forecast_method() {
    static const std::unique_ptr<SeriesMethod> method = closed_form_method(auto_forecast());
    return *method;
}

}  // namespace tensile
