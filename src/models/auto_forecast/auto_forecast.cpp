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

// A candidate, or the mean of two.
struct Alternative {
    std::vector<std::int32_t> parts;  // positions among the candidates
};

class AutoModel final : public ClosedFormModel {
  public:
    std::vector<Candidate> forms;
    std::vector<Alternative> alternatives;
    std::vector<std::int32_t> chosen;  // by series; -1: none, no value was ever observed
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
        const std::int32_t choice = chosen[static_cast<std::size_t>(series)];
        if (choice < 0) {
            std::ranges::fill(out, std::numeric_limits<float>::quiet_NaN());
            return;
        }
        const std::vector<std::int32_t>& parts = alternatives[static_cast<std::size_t>(choice)].parts;
        std::vector<double> sums(out.size());
        for (const std::int32_t part : parts) {
            const auto candidate = static_cast<std::size_t>(part);
            forms[candidate].model->forecast(panel, states.of[candidate].get(), series, origins, horizon, out);
            for (std::size_t i = 0; i < out.size(); ++i)
                sums[i] += out[i];
        }
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<float>(sums[i] / static_cast<double>(parts.size()));
    }

    std::unique_ptr<ClosedFormModel> refit(const SeriesPanel& panel, std::int64_t steps,
                                           const std::atomic<bool>* stop) const override {
        auto again = std::make_unique<AutoModel>();
        for (const Candidate& candidate : forms)
            again->forms.push_back({candidate.form, candidate.model->refit(panel, steps, stop)});
        again->alternatives = alternatives;
        again->chosen = chosen;
        return again;
    }

    std::int64_t fallbacks() const override { return std::ranges::count(chosen, -1); }
    double optimism() const override { return optimism_; }
    std::int64_t reach() const override {
        std::int64_t longest = 1;
        for (const Candidate& candidate : forms)
            longest = std::max(longest, candidate.model->reach());
        return longest;
    }
    std::vector<TaskMetric> candidates() const override { return scores; }

    void save(Json& manifest, WeightWriter& weights) const override {
        Json& means = manifest["alternatives"] = Json::array();
        for (const Alternative& alternative : alternatives)
            means.push_back(alternative.parts);
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

// Errors of a mean count a little less than they are: that it is better than its parts is less a matter of chance than
// that one of them is best (Bates & Granger 1969, Operational Research Quarterly 20; Clemen 1989, Int. J. of
// Forecasting 5).
constexpr float kMeanFactor = 0.97F;

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
            {"averages",
             OptionType::kBoolean,
             "true",
             {},
             {},
             {},
             "Whether the mean of every two candidates that learn is a candidate as well"},
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

        auto model = std::make_unique<AutoModel>();
        model->alternatives = alternatives_of(tried, options.boolean("averages"));
        const ChoiceErrors errors = judge(tried, panel, plan, settings, criterion_of(options), *model);
        const std::string& how = options.choice("choice");
        constexpr double kShared = 1e6;
        PooledChoice choice = choose_for_each(errors, how == "shared" ? kShared : how == "per_series" ? 0 : -1);
        model->chosen = std::move(choice.chosen);
        model->optimism_ = choice.optimism;
        for (const Candidate& candidate : tried)
            model->optimism_ = std::max(model->optimism_, candidate.model->optimism());
        keep_chosen(std::move(tried), *model);
        return model;
    }

    std::unique_ptr<ClosedFormModel> load(const Json& manifest, WeightReader& weights) const override {
        auto model = std::make_unique<AutoModel>();
        for (const Json& alternative : manifest.at("alternatives"))
            model->alternatives.push_back({alternative.get<std::vector<std::int32_t>>()});
        model->chosen = weights.read<std::int32_t>();
        for (const Json& candidate : manifest.at("candidates")) {
            const ClosedForm& form = candidate_named(candidate.at("name").get<std::string>());
            model->forms.push_back({&form, form.load(candidate.at("model"), weights)});
        }
        return model;
    }

  private:
    static Criterion criterion_of(const Options& options) {
        const std::string& name = options.choice("criterion");
        return name == "rmse" ? Criterion::kRmse : name == "smape" ? Criterion::kSmape : Criterion::kMase;
    }

    static std::vector<Alternative> alternatives_of(std::span<const Candidate> tried, bool averages) {
        std::vector<Alternative> alternatives;
        const auto learns = [&](std::int32_t c) { return !tried[static_cast<std::size_t>(c)].form->options().empty(); };
        const auto count = static_cast<std::int32_t>(tried.size());
        for (std::int32_t c = 0; c < count; ++c)
            alternatives.push_back({{c}});
        for (std::int32_t a = 0; averages && a < count; ++a)
            for (std::int32_t b = a + 1; b < count; ++b)
                if (learns(a) && learns(b)) alternatives.push_back({{a, b}});
        return alternatives;
    }

    // Forecasts the validation span by every alternative: their errors by series, and in model.scores those over all
    // series.
    static ChoiceErrors judge(std::span<const Candidate> tried, const SeriesPanel& panel, const ValidationPlan& plan,
                              const SeriesSettings& settings, Criterion criterion, AutoModel& model) {
        std::vector<std::unique_ptr<PanelState>> states;
        for (const Candidate& candidate : tried)
            states.push_back(candidate.model->prepare(panel, plan.origins, plan.horizon, settings.stop));
        const auto horizon = static_cast<std::size_t>(plan.horizon);
        const std::size_t cells = plan.origins.size() * horizon;
        std::vector<std::vector<float>> forecasts(tried.size(), std::vector<float>(cells));
        std::vector<ForecastScore> overall(model.alternatives.size());
        ChoiceErrors errors(panel.series, static_cast<std::int64_t>(model.alternatives.size()));
        constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
        for (std::int64_t series = 0; series < panel.series; ++series) {
            throw_if_stopped(settings.stop);
            for (std::size_t c = 0; c < tried.size(); ++c)
                tried[c].model->forecast(panel, states[c].get(), series, plan.origins, plan.horizon, forecasts[c]);
            const std::span<const float> values = panel.of(series);
            const double scale = seasonal_naive_scale(values.first(static_cast<std::size_t>(plan.fit_steps)),
                                                      std::max<std::int64_t>(settings.season, 1));
            for (std::size_t a = 0; a < model.alternatives.size(); ++a) {
                const std::vector<std::int32_t>& parts = model.alternatives[a].parts;
                HalvedError halved(plan.origins.size());
                SeriesScore score(scale);
                for (std::size_t cell = 0; cell < cells; ++cell) {
                    const std::size_t origin = cell / horizon;
                    const double truth = values[static_cast<std::size_t>(plan.origins[origin]) + cell % horizon];
                    double mean = 0;
                    for (const std::int32_t part : parts)
                        mean += forecasts[static_cast<std::size_t>(part)][cell] / static_cast<double>(parts.size());
                    if (std::isnan(truth) || std::isnan(mean)) continue;
                    halved.add(origin, loss(criterion, truth, mean));
                    score.add(truth, mean, kNone, kNone);
                }
                std::array<float, 2> halves = halved.halves();
                if (parts.size() > 1)
                    for (float& half : halves)
                        half *= kMeanFactor;
                errors.set(series, static_cast<std::int64_t>(a), halves);
                overall[a].add(score);
            }
        }
        for (std::size_t a = 0; a < overall.size(); ++a) {
            std::string task;
            for (const std::int32_t part : model.alternatives[a].parts)
                task += (task.empty() ? "" : " + ") + std::string(tried[static_cast<std::size_t>(part)].form->name());
            for (const auto& [name, value] : overall[a].metrics())
                model.scores.push_back({task, std::string(name), value});
        }
        return errors;
    }

    // Candidates that no series chose are not stored.
    static void keep_chosen(std::vector<Candidate> tried, AutoModel& model) {
        std::vector<std::int32_t> place(tried.size(), -1);
        std::vector<bool> used(model.alternatives.size());
        for (const std::int32_t choice : model.chosen)
            if (choice >= 0) used[static_cast<std::size_t>(choice)] = true;
        for (std::size_t a = 0; a < used.size(); ++a) {
            if (!used[a]) {
                model.alternatives[a].parts.clear();
                continue;
            }
            for (std::int32_t& part : model.alternatives[a].parts) {
                std::int32_t& kept = place[static_cast<std::size_t>(part)];
                if (kept < 0) {
                    kept = static_cast<std::int32_t>(model.forms.size());
                    model.forms.push_back(tried[static_cast<std::size_t>(part)]);
                }
                part = kept;
            }
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
