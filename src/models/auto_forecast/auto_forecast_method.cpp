// See auto_forecast_method.h.
#include "models/auto_forecast/auto_forecast_method.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/auto_forecast/auto_forecast.h"
#include "models/auto_forecast/candidate_fit.h"
#include "models/forecast/closed_form_method.h"
#include "models/forecast/rolling_origins.h"
#include "models/net3/net3_method.h"
#include "models/window_networks/network_methods.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCandidates = "candidates";
constexpr const char* kClosedForms = "closed_forms";

std::span<const SeriesMethod* const> network_candidates() {
    static const std::vector<const SeriesMethod*> networks = [] {
        const std::span<const SeriesMethod* const> of_windows = window_network_methods();
        std::vector<const SeriesMethod*> all(of_windows.begin(), of_windows.end());
        all.push_back(&net3_method());
        return all;
    }();
    return networks;
}

template <typename Named>
bool has_name(std::span<const Named* const> list, const std::string& name) {
    return std::ranges::find(list, name, &Named::name) != list.end();
}

const SeriesMethod& network_named(const std::string& name) {
    const auto found = std::ranges::find(network_candidates(), name, &SeriesMethod::name);
    if (found != network_candidates().end()) return **found;
    throw Error(sqlstate::kDataCorrupted, "model of method \"auto_forecast\" is of an unknown method \"" + name + "\"");
}

[[noreturn]] void reject_candidate(const std::string& name) {
    std::string names;
    const auto list = [&names](std::string_view one) {
        names += (names.empty() ? "\"" : ", \"") + std::string(one) + "\"";
    };
    for (const ClosedForm* form : closed_form_candidates())
        list(form->name());
    for (const SeriesMethod* network : network_candidates())
        list(network->name());
    throw Error(sqlstate::kInvalidParameterValue, "unrecognized candidate \"" + name + "\" of method \"auto_forecast\"",
                {}, "The candidates are " + names + ".");
}

// As the user names them, each once.
struct Candidates {
    std::vector<std::string> closed_forms;
    std::vector<const SeriesMethod*> networks;

    explicit Candidates(const Options& options) {
        for (const std::string& name : options.texts(kCandidates)) {
            if (has_name(network_candidates(), name)) {
                const SeriesMethod* network = &network_named(name);
                if (std::ranges::find(networks, network) == networks.end()) networks.push_back(network);
            } else if (!has_name(closed_form_candidates(), name)) {
                reject_candidate(name);
            } else if (std::ranges::find(closed_forms, name) == closed_forms.end()) {
                closed_forms.push_back(name);
            }
        }
    }
};

Options default_options(const SeriesMethod& method) {
    return Options::parse(method.name(), method.options(), "{}");
}

// Settings with which a network holds back the validation span of the closed forms and is judged by their horizon:
// networks round the share down.
SeriesSettings settings_for_networks(const SeriesTable& table, SeriesSettings settings) {
    const ValidationPlan plan = validation_plan(table.steps, settings, 1);
    settings.validation = (static_cast<double>(plan.steps - plan.fit_steps) + 0.5) / static_cast<double>(plan.steps);
    settings.horizon = plan.horizon;
    return settings;
}

class AutoForecastMethod final : public SeriesMethod {
  public:
    std::string_view name() const override { return closed_form_->name(); }
    std::string_view help() const override {
        return "What forecasts the validation span best: closed forms, chosen for every series, and networks on demand";
    }
    std::span<const OptionDeclaration> options() const override { return closed_form_->options(); }
    bool needs_dense_table(const Options& options) const override {
        return std::ranges::any_of(Candidates(options).networks, [](const SeriesMethod* network) {
            return network->needs_dense_table(default_options(*network));
        });
    }

    std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const Options& options,
                                   const Previous* previous) const override {
        const Candidates named(options);
        if (named.networks.empty()) return closed_form_->fit(table, settings, options, nullptr);

        const SeriesSettings of_networks = settings_for_networks(table, settings);
        std::vector<CandidateFit::Candidate> candidates;
        std::vector<TaskMetric> left_out;
        const auto attempt = [&](const std::string& name, const SeriesMethod& method, const SeriesSettings& own,
                                 const Options& with, const Previous* from) {
            try {
                candidates.push_back({name, method.fit(table, own, with, from), &method == closed_form_.get()});
            } catch (const Error& error) {
                // Data that the method cannot learn from; whatever else happens concerns all.
                if (error.sqlstate() != sqlstate::kInvalidParameterValue &&
                    error.sqlstate() != sqlstate::kProgramLimitExceeded)
                    throw;
                left_out.push_back(not_fitted(name, error.what()));
            }
        };
        if (!named.closed_forms.empty())
            attempt(kClosedForms, *closed_form_, settings, only(named.closed_forms, options), nullptr);
        for (const SeriesMethod* network : named.networks) {
            const std::string name(network->name());
            const auto* stored =
                previous == nullptr ? nullptr : dynamic_cast<const CandidateForecaster*>(&previous->forecaster);
            if (stored != nullptr && stored->name() == name) {
                const Previous from{stored->chosen(), previous->weights};
                attempt(name, *network, of_networks, default_options(*network), &from);
            } else {
                attempt(name, *network, of_networks, default_options(*network), nullptr);
            }
        }
        if (candidates.empty()) {
            std::string reasons;
            for (const TaskMetric& metric : left_out)
                reasons += (reasons.empty() ? "" : "; ") + metric.task + ": " + metric.name;
            throw Error(sqlstate::kInvalidParameterValue,
                        "method \"auto_forecast\" has no candidate that can learn from these series", reasons + ".",
                        "Give longer series, or name other methods in option \"candidates\".");
        }
        return std::make_unique<CandidateFit>(std::move(candidates), std::move(left_out), options.choice("criterion"));
    }

    std::unique_ptr<SeriesForecaster> load(const Json& manifest, std::span<const std::byte> host_weights,
                                           const SeriesTable& table) const override {
        if (!manifest.contains("chosen")) return closed_form_->load(manifest, host_weights, table);
        const auto name = manifest.at("chosen").get<std::string>();
        return std::make_unique<CandidateForecaster>(
            name, network_named(name).load(manifest.at("model"), host_weights, table));
    }

  private:
    // The options of the closed form, with these candidates.
    Options only(const std::vector<std::string>& closed_forms, const Options& options) const {
        const Json all = options.to_json();
        Json kept = Json::object();
        for (const OptionDeclaration& declaration : closed_form_->options())
            kept[std::string(declaration.name)] = all.at(std::string(declaration.name));
        kept[kCandidates] = closed_forms;
        return Options::parse(closed_form_->name(), closed_form_->options(), kept.dump());
    }

    std::unique_ptr<SeriesMethod> closed_form_ = closed_form_method(auto_forecast());
};

}  // namespace

const SeriesMethod& auto_forecast_method() {
    static const AutoForecastMethod method;
    return method;
}

}  // namespace tensile
