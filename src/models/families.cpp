// The list of model families; see model_family.h.
#include <algorithm>
#include <array>

#include "models/mlp/mlp_family.h"
#include "models/model_family.h"
#include "models/net3/net3_method.h"
#include "models/seasonal_naive/seasonal_naive.h"
#include "models/series/series_family.h"
#include "tensor/error.h"

namespace tensile {

std::span<const ModelFamily* const> all_families() {
    static const SeriesFamily seasonal_naive(seasonal_naive_method());
    static const SeriesFamily net3(net3_method());
    static const std::array<const ModelFamily*, 3> families = {&mlp_family(), &seasonal_naive, &net3};
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
