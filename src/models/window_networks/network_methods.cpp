// See network_methods.h.
#include "models/window_networks/network_methods.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "models/forecast/window_training.h"
#include "models/weight_layout.h"
#include "models/window_networks/linear_networks.h"
#include "models/window_networks/network_fit.h"
#include "models/window_networks/network_forecaster.h"
#include "models/window_networks/patch_transformer.h"
#include "models/window_networks/stid_network.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostLookBack = 512;  // chosen; more can be asked for

// What tells one method from another.
struct NetworkKind {
    std::string_view name;
    std::string_view help;
    std::vector<OptionDeclaration> architecture;  // options that shape the network
    std::string_view normalization;               // default, as JSON
    WindowTrainingDefaults training;
    // Steps of the past that suit the network when none are asked for.
    std::int64_t (*look_back)(const SeriesSettings&);
    std::unique_ptr<SeriesNetwork> (*make)(const NetworkShape&, const Options&);
};

std::int64_t some_cycles(const SeriesSettings& settings) {
    return std::clamp<std::int64_t>(std::max(3 * settings.season, 2 * settings.horizon), 16, kMostLookBack);
}
// What lies further back is known from the slot of the calendar.
std::int64_t recent_steps(const SeriesSettings& settings) {
    return std::clamp<std::int64_t>(settings.horizon, 12, kMostLookBack);
}

std::unique_ptr<SeriesNetwork> new_dlinear(const NetworkShape& shape, const Options& options) {
    const std::int64_t steps = options.integer("moving_average");
    if (steps % 2 == 0)
        throw Error(sqlstate::kInvalidParameterValue, "option \"moving_average\" must be odd",
                    "A moving average lies around a step, so it has as many steps before it as after it.");
    return make_dlinear(shape, steps);
}

std::unique_ptr<SeriesNetwork> new_nlinear(const NetworkShape& shape, const Options&) {
    return make_nlinear(shape);
}

std::unique_ptr<SeriesNetwork> new_stid(const NetworkShape& shape, const Options& options) {
    return make_stid(shape, {options.integer("width"), options.integer("layers"), options.real("dropout")});
}

std::unique_ptr<SeriesNetwork> new_patch_transformer(const NetworkShape& shape, const Options& options) {
    PatchTransformerOptions result;
    result.patch_length = std::min(options.integer("patch_length"), shape.look_back);
    result.patch_stride = std::min(options.integer("patch_stride"), result.patch_length);
    result.width = options.integer("width");
    result.heads = options.integer("heads");
    result.layers = options.integer("layers");
    result.feed_forward = options.integer("feed_forward");
    result.dropout = options.real("dropout");
    if (result.width % result.heads != 0)
        throw Error(sqlstate::kInvalidParameterValue, "option \"width\" must be a multiple of \"heads\"",
                    "Each of the " + std::to_string(result.heads) + " heads takes an equal part of the " +
                        std::to_string(result.width) + " columns.");
    return make_patch_transformer(shape, result);
}

using enum OptionType;

NetworkKind dlinear_kind() {
    return {"dlinear",
            "Linear maps of the trend and of the rest of each series' past (Zeng et al., AAAI 2023).",
            {{"moving_average", kInteger, "25", 1, 10001, {}, "Steps of the moving average that is the trend; odd."}},
            "\"none\"",
            {.epochs = "100", .patience = "3", .learning_rate = "0.0005"},
            some_cycles,
            new_dlinear};
}

NetworkKind nlinear_kind() {
    return {"nlinear",
            "A linear map of each series' past, relative to its last value (Zeng et al., AAAI 2023).",
            {},
            "\"last\"",
            {.epochs = "100", .patience = "3", .learning_rate = "0.0005"},
            some_cycles,
            new_nlinear};
}

NetworkKind stid_kind() {
    return {
        "stid",
        "A perceptron over each series' past, with learned vectors for the series and for the time of day, day of "
        "week and month (after Shao et al., CIKM 2022).",
        {{"width", kInteger, "32", 1, 4096, {}, "Columns of the projected past and of each learned vector."},
         {"layers", kInteger, "3", 0, 64, {}, "Residual layers."},
         {"dropout", kReal, "0.15", 0, 0.95, {}, "Share of a layer that is left out at random in training."}},
        "\"last\"",
        {.epochs = "40", .patience = "5", .learning_rate = "0.002", .schedule = "\"cosine\"", .weight_decay = "0.0001"},
        recent_steps,
        new_stid};
}

NetworkKind patch_transformer_kind() {
    return {"patch_transformer",
            "A transformer over patches of each series' past (after Nie et al., ICLR 2023).",
            {{"patch_length", kInteger, "16", 1, 4096, {}, "Steps of a patch."},
             {"patch_stride", kInteger, "8", 1, 4096, {}, "Steps from one patch to the next."},
             {"width", kInteger, "16", 1, 4096, {}, "Columns of a token; a multiple of \"heads\"."},
             {"heads", kInteger, "4", 1, 256, {}, "Heads of attention."},
             {"layers", kInteger, "3", 1, 64, {}, "Layers of the encoder."},
             {"feed_forward", kInteger, "128", 1, 16384, {}, "Columns within a layer's perceptron."},
             {"dropout", kReal, "0.2", 0, 0.95, {}, "Share of a layer that is left out at random in training."}},
            "\"instance\"",
            {.epochs = "20", .patience = "3", .learning_rate = "0.001", .schedule = "\"cosine\""},
            some_cycles,
            new_patch_transformer};
}

std::vector<OptionDeclaration> declarations_of(const NetworkKind& kind) {
    std::vector<OptionDeclaration> all = {
        {"look_back", kInteger, "0", 0, 100000, {}, "Steps of the past that a forecast sees; 0 chooses."},
        {"normalization",
         kChoice,
         kind.normalization,
         {},
         {},
         {"none", "last", "instance"},
         "What is taken off each window: nothing, its last value, or its mean and deviation."},
        {"loss",
         kChoice,
         "\"squared\"",
         {},
         {},
         {"squared", "absolute", "quantile"},
         "What training makes small: squared or absolute errors, or the pinball losses of \"quantiles\"."},
        {"quantiles",
         kIntegerArray,
         "[5, 50, 95]",
         1,
         99,
         {},
         "Percentages of the quantiles that loss quantile forecasts; the one nearest to 50 is the forecast."}};
    all.insert(all.end(), kind.architecture.begin(), kind.architecture.end());
    const std::vector<OptionDeclaration> training = window_training_options(kind.training);
    all.insert(all.end(), training.begin(), training.end());
    return all;
}

template <typename Kind>
Kind choice(const Options& options, std::string_view name, std::span<const std::string_view> names) {
    return static_cast<Kind>(std::ranges::find(names, options.choice(name)) - names.begin());
}

void take_loss(const Options& options, NetworkShape& shape) {
    static constexpr std::array<std::string_view, 3> kLosses = {"squared", "absolute", "quantile"};
    static constexpr std::array<std::string_view, 3> kNormalizations = {"none", "last", "instance"};
    shape.normalization = choice<WindowNormalization>(options, "normalization", kNormalizations);
    shape.loss = choice<WindowLossKind>(options, "loss", kLosses);
    if (shape.loss != WindowLossKind::kQuantile) return;
    std::vector<std::int64_t> percentages = options.integers("quantiles");
    std::ranges::sort(percentages);
    if (percentages.empty() || std::ranges::adjacent_find(percentages) != percentages.end())
        throw Error(sqlstate::kInvalidParameterValue,
                    "option \"quantiles\" must have different elements, at least one");
    for (const std::int64_t percentage : percentages)
        shape.levels.push_back(static_cast<double>(percentage) / 100);
}

class NetworkMethod final : public SeriesMethod {
  public:
    explicit NetworkMethod(NetworkKind kind) : kind_(std::move(kind)), declarations_(declarations_of(kind_)) {}

    std::string_view name() const override { return kind_.name; }
    std::string_view help() const override { return kind_.help; }
    std::span<const OptionDeclaration> options() const override { return declarations_; }

    std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const Options& options,
                                   const Previous* previous) const override {
        WindowTrainingSettings training = window_training_settings(options, settings.seed);
        if (previous == nullptr) {
            return std::make_unique<NetworkFit>(std::string(kind_.name), architecture_of(options), table, settings,
                                                training, kind_.make(shape_for(table, settings, options), options),
                                                nullptr);
        }
        const auto& before = dynamic_cast<const NetworkForecaster&>(previous->forecaster).network().shape();
        if (before.series != table.series() || before.covariates != static_cast<std::int64_t>(table.covariates.size()))
            throw Error(sqlstate::kInvalidParameterValue, "series are not those that the model was trained on",
                        "The model has " + std::to_string(before.series) + " series, the query " +
                            std::to_string(table.series()) + ".",
                        "Train a new model.");
        return std::make_unique<NetworkFit>(std::string(kind_.name), architecture_of(options), table, settings,
                                            training, kind_.make(before, options), previous);
    }

    std::unique_ptr<SeriesForecaster> load(const Json& manifest, std::span<const std::byte> host_weights,
                                           const SeriesTable&) const override {
        try {
            const NetworkShape shape = NetworkShape::from_json(manifest.at("network"));
            const Options options = Options::parse(kind_.name, kind_.architecture, manifest.at("architecture").dump());
            auto forecaster = std::make_unique<NetworkForecaster>(kind_.make(shape, options),
                                                                  NetworkContext::from_bytes(host_weights, shape));
            require_same_weights(forecaster->variables(), manifest.at("weights"));
            return forecaster;
        } catch (const Json::exception& error) {
            throw Error(sqlstate::kDataCorrupted, "could not read the description of the model", error.what());
        }
    }

  private:
    Json architecture_of(const Options& options) const {
        const Json all = options.to_json();
        Json chosen = Json::object();
        for (const OptionDeclaration& declaration : kind_.architecture)
            chosen[std::string(declaration.name)] = all.at(std::string(declaration.name));
        return chosen;
    }

    NetworkShape shape_for(const SeriesTable& table, const SeriesSettings& settings, const Options& options) const {
        const std::int64_t fit_steps = steps_to_fit(table, settings);
        NetworkShape shape;
        shape.series = table.series();
        shape.horizon = settings.horizon;
        shape.season = settings.season;
        shape.covariates = static_cast<std::int64_t>(table.covariates.size());
        shape.masked = has_gaps(table);
        shape.cycles = calendar_cycles(table.axis, fit_steps);
        shape.seed = settings.seed;
        take_loss(options, shape);
        shape.look_back = options.integer("look_back");
        if (shape.look_back == 0) {
            // At least half of the steps are origins to learn from.
            shape.look_back = std::clamp<std::int64_t>((fit_steps - shape.horizon) / 2, 1, kind_.look_back(settings));
        } else if (shape.look_back >= fit_steps) {
            throw Error(sqlstate::kInvalidParameterValue, "series are too short for option \"look_back\"",
                        "Of " + std::to_string(table.steps) + " steps the first " + std::to_string(fit_steps) +
                            " are learned from; a look-back of " + std::to_string(shape.look_back) +
                            " leaves none to forecast.",
                        "Lower \"look_back\" or \"validation\", or give longer series.");
        }
        return shape;
    }

    NetworkKind kind_;
    std::vector<OptionDeclaration> declarations_;
};

}  // namespace

std::span<const SeriesMethod* const> window_network_methods() {
    static const NetworkMethod dlinear(dlinear_kind());
    static const NetworkMethod nlinear(nlinear_kind());
    static const NetworkMethod stid(stid_kind());
    static const NetworkMethod patch_transformer(patch_transformer_kind());
    static const std::array<const SeriesMethod*, 4> all = {&dlinear, &nlinear, &stid, &patch_transformer};
    return all;
}

}  // namespace tensile
