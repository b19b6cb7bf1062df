// See net3_rollout.h.
#include "models/net3/net3_rollout.h"

#include <algorithm>
#include <cstring>

namespace tensile {

namespace {

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

}  // namespace

Net3Rollout::Net3Rollout(const Net3Architecture& architecture, std::int64_t horizon)
    : window_(architecture.window),
      horizon_(horizon),
      series_(architecture.series()),
      covariate_width_(architecture.series() * architecture.covariates) {}

std::int64_t Net3Rollout::bytes_of_origin(const Net3Architecture& architecture, std::int64_t horizon) {
    return (architecture.window + horizon) * architecture.series() * (2 + architecture.covariates) *
           static_cast<std::int64_t>(sizeof(float));
}

void Net3Rollout::add(const Net3Table& table, std::int64_t origin, std::span<const float> future) {
    ++origins_;
    values_.resize(at(origins_ * length() * series_));
    present_.resize(values_.size());
    const std::int64_t first = std::max<std::int64_t>(origin - window_, 0);
    const std::int64_t begin =
        (origins_ - 1) * length() + window_ - (origin - first);  // of the first step that is there
    const auto copy = [&](const std::vector<float>& from, std::vector<float>& to) {
        std::copy_n(from.begin() + first * series_, (origin - first) * series_, to.begin() + begin * series_);
    };
    copy(table.values, values_);
    copy(table.present, present_);
    if (covariate_width_ == 0) return;
    covariates_.resize(at(origins_ * length() * covariate_width_));
    for (std::int64_t i = 0; i < length(); ++i) {
        const std::int64_t step = origin - window_ + 1 + i;
        float* to = covariates_.data() + ((origins_ - 1) * length() + i) * covariate_width_;
        if (step >= 0 && step < table.steps) {
            std::copy_n(table.covariates.begin() + step * covariate_width_, covariate_width_, to);
        } else if (step >= table.steps &&
                   (step - table.steps + 1) * covariate_width_ <= static_cast<std::int64_t>(future.size())) {
            std::copy_n(future.begin() + (step - table.steps) * covariate_width_, covariate_width_, to);
        }
    }
}

void Net3Rollout::write(std::int64_t origin, std::int64_t ahead, bool fills_gaps, std::span<const TensorView> inputs,
                        std::int64_t row) const noexcept {
    const std::int64_t place = origin * length() + ahead;
    std::size_t next = 0;
    const auto copy = [&](const std::vector<float>& from, std::int64_t width) {
        std::memcpy(inputs[next++].as<float>() + row * window_ * width, from.data() + place * width,
                    at(window_ * width) * sizeof(float));
    };
    copy(values_, series_);
    if (fills_gaps) copy(present_, series_);
    if (covariate_width_ > 0) copy(covariates_, covariate_width_);
}

void Net3Rollout::take(std::int64_t origin, std::int64_t ahead, const float* forecast) {
    const std::int64_t place = (origin * length() + window_ + ahead) * series_;
    std::copy_n(forecast, series_, values_.begin() + place);
    std::fill_n(present_.begin() + place, series_, 1.0F);
}

void Net3Rollout::step(std::int64_t ahead, std::int64_t first, std::int64_t last, ForwardRunner& runner) {
    const auto fill = [&](std::int64_t begin, std::int64_t count, std::span<const TensorView> inputs) {
        for (std::int64_t row = 0; row < count; ++row)
            write(first + begin + row, ahead, true, inputs, row);
    };
    const auto read = [&](std::int64_t begin, std::int64_t count, std::span<const TensorView> outputs) {
        for (std::int64_t row = 0; row < count; ++row)
            take(first + begin + row, ahead, outputs[0].as<float>() + row * series_);
    };
    runner.run(last - first, fill, read);
}

}  // namespace tensile
