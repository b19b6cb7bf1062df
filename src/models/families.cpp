// The list of model families; see model_family.h.
#include <vector>

#include "models/auto_forecast/auto_forecast_method.h"
#include "models/linear_forecast/linear_methods.h"
#include "models/mlp/mlp_family.h"
#include "models/model_family.h"
#include "models/net3/net3_method.h"
#include "models/seasonal_naive/seasonal_naive.h"
#include "models/series/series_family.h"
#include "models/window_networks/network_methods.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Every forecasting method as a family.
std::vector<SeriesFamily> series_families() {
    std::vector<SeriesFamily> families;
    families.emplace_back(seasonal_naive_method());
    families.emplace_back(linear_method());
    families.emplace_back(autoregression_method());
    families.emplace_back(vector_autoregression_method());
    families.emplace_back(auto_forecast_method());
    for (const SeriesMethod* method : window_network_methods())
        families.emplace_back(*method);
    families.emplace_back(net3_method());
    return families;
}

}  // namespace

std::span<const ModelFamily* const> all_families() {
    static const std::vector<SeriesFamily> of_series = series_families();
    static const std::vector<const ModelFamily*> families = [] {
        std::vector<const ModelFamily*> all = {&mlp_family()};
        for (const SeriesFamily& family : of_series)
            all.push_back(&family);
        return all;
    }();
    return families;
}

const ModelFamily& family_named(std::string_view name) {
    std::string names;
    for (const ModelFamily* family : all_families()) {
        if (family->name() == name) return *family;
        names += (names.empty() ? "\"" : ", \"") + std::string(family->name()) + "\"";
    }
    throw Error(sqlstate::kInvalidParameterValue, "unrecognized method \"" + std::string(name) + "\"", {},
                "Available methods: " + names + ".");
}

}  // namespace tensile
