// How a table of series with its report is stored with a model: arrays as sections of the host weights, the rest as
// JSON. Knows no method.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/series/byte_sections.h"
#include "models/series/series_builder.h"
#include "models/series/series_options.h"

namespace tensile {

// Adds the arrays of `data`, which must outlive the writer.
void add_series_sections(const SeriesData& data, SectionWriter& sections);
// Axis, shape, names and totals.
nlohmann::ordered_json series_to_json(const SeriesData& data);
// Throws Error XX001 for what does not fit together.
SeriesData series_from(const nlohmann::ordered_json& json, const SectionReader& sections);

nlohmann::ordered_json columns_to_json(const SeriesColumns& columns);
SeriesColumns columns_from_json(const nlohmann::ordered_json& json);

}  // namespace tensile
