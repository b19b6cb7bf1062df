// See naive_forecast.h.
#include "models/forecast/naive_forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace tensile {

namespace {

enum class Rule : std::uint8_t { kSeason, kLast, kDrift };

class NaiveModel final : public ClosedFormModel {
  public:
    NaiveModel(Rule rule, std::int64_t season) : rule_(rule), season_(season) {}

    void forecast(const SeriesPanel& panel, const PanelState*, std::int64_t series,
                  std::span<const std::int64_t> origins, std::int64_t horizon, std::span<float> out) const override {
        const std::span<const float> values = panel.of(series);
        for (std::size_t o = 0; o < origins.size(); ++o)
            from_origin(values.first(static_cast<std::size_t>(origins[o])),
                        out.subspan(o * static_cast<std::size_t>(horizon), static_cast<std::size_t>(horizon)));
    }

    std::unique_ptr<ClosedFormModel> refit(const SeriesPanel&, std::int64_t, const std::atomic<bool>*) const override {
        return std::make_unique<NaiveModel>(*this);
    }
    void save(nlohmann::ordered_json& manifest, WeightWriter&) const override { manifest["season"] = season_; }
    std::uint64_t bytes() const override { return 0; }

  private:
    void from_origin(std::span<const float> past, std::span<float> out) const {
        const ObservedSpan observed = observed_span(past);
        if (observed.length() == 0) {
            std::ranges::fill(out, std::numeric_limits<float>::quiet_NaN());
            return;
        }
        const float last = past[static_cast<std::size_t>(observed.last - 1)];
        const auto origin = static_cast<std::int64_t>(past.size());
        if (rule_ == Rule::kSeason) {
            for (std::int64_t h = 0; h < static_cast<std::int64_t>(out.size()); ++h) {
                std::int64_t step = origin + h % season_ - season_;
                while (step >= 0 && std::isnan(past[static_cast<std::size_t>(step)]))
                    step -= season_;
                out[static_cast<std::size_t>(h)] = step >= 0 ? past[static_cast<std::size_t>(step)] : last;
            }
            return;
        }
        const float first = past[static_cast<std::size_t>(observed.first)];
        const double slope = rule_ == Rule::kDrift && observed.length() > 1
                                 ? (static_cast<double>(last) - first) / static_cast<double>(observed.length() - 1)
                                 : 0;
        for (std::size_t h = 0; h < out.size(); ++h) {
            const auto ahead = static_cast<double>(origin - observed.last + 1) + static_cast<double>(h);
            out[h] = static_cast<float>(last + slope * ahead);
        }
    }

    Rule rule_;
    std::int64_t season_;
};

class NaiveForm final : public ClosedForm {
  public:
    NaiveForm(Rule rule, std::string_view name, std::string_view help) : rule_(rule), name_(name), help_(help) {}

    std::string_view name() const override { return name_; }
    std::string_view help() const override { return help_; }
    std::span<const OptionDeclaration> options() const override { return {}; }
    std::unique_ptr<ClosedFormModel> fit(const SeriesPanel&, const ValidationPlan&, const SeriesSettings& settings,
                                         const Options&) const override {
        return std::make_unique<NaiveModel>(rule_, std::max<std::int64_t>(settings.season, 1));
    }
    std::unique_ptr<ClosedFormModel> load(const nlohmann::ordered_json& manifest, WeightReader&) const override {
        return std::make_unique<NaiveModel>(rule_, manifest.at("season").get<std::int64_t>());
    }

  private:
    Rule rule_;
    std::string_view name_;
    std::string_view help_;
};

}  // namespace

const ClosedForm& seasonal_naive() {
    static const NaiveForm form(Rule::kSeason, "seasonal_naive", "Repeats the value of a season ago");
    return form;
}

const ClosedForm& naive() {
    static const NaiveForm form(Rule::kLast, "naive", "Repeats the last value");
    return form;
}

const ClosedForm& drift() {
    static const NaiveForm form(Rule::kDrift, "drift", "Continues the line from the first value to the last");
    return form;
}

}  // namespace tensile
