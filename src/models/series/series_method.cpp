// See series_method.h.
#include "models/series/series_method.h"

#include "tensor/error.h"

namespace tensile {

Program SeriesForecaster::program(std::int64_t) const {
    throw InternalError("a forecaster without variables has no program");
}

}  // namespace tensile
