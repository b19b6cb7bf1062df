// See linear_methods.h.
#include "models/linear_forecast/linear_methods.h"

#include "models/forecast/closed_form_method.h"
#include "models/linear_forecast/autoregression.h"
#include "models/linear_forecast/linear_map.h"
#include "models/linear_forecast/vector_autoregression.h"

namespace tensile {

const SeriesMethod& linear_method() {
    static const std::unique_ptr<SeriesMethod> method = closed_form_method(linear_map());
    return *method;
}

const SeriesMethod& autoregression_method() {
    static const std::unique_ptr<SeriesMethod> method = closed_form_method(autoregression());
    return *method;
}

const SeriesMethod& vector_autoregression_method() {
    static const std::unique_ptr<SeriesMethod> method = closed_form_method(vector_autoregression());
    return *method;
}

}  // namespace tensile
