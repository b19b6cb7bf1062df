// Writes the window of one series before one origin into the inputs of a network, for training and for forecasts alike,
// and the windows of a table as training samples. Knows no programs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/window_networks/series_network.h"
#include "models/window_networks/window_data.h"

namespace tensile {

class WindowWriter {
  public:
    // Both outlive the writer.
    WindowWriter(const SeriesNetwork& network, const WindowData& data) : network_(network), data_(data) {}

    // Origin: the step of `data` that is the first ahead; at least 1. Targets at or beyond `target_end` are missing.
    // `inputs` are all or the first of the network's inputs and targets; steps before the first count as that.
    void write(std::int64_t series, std::int64_t origin, std::int64_t target_end, std::span<const TensorView> inputs,
               std::int64_t row) const noexcept;

  private:
    struct Normalization {
        float level = 0;
        float scale = 1;
    };
    Normalization normalization(std::int64_t series, std::int64_t origin) const noexcept;

    const SeriesNetwork& network_;
    const WindowData& data_;
};

// A window is a sample when it has a present cell before and one after its origin. Targets of training samples lie
// before step `fit_steps`, those of validation samples from there on.
class SeriesSamples final : public WindowSamples {
  public:
    struct Window {
        std::uint32_t series;
        std::uint32_t origin;
    };
    // `most_validation` > 0: origins are thinned out evenly until not many more validation samples are left.
    SeriesSamples(const SeriesNetwork& network, const WindowData& data, std::int64_t fit_steps,
                  std::int64_t most_validation);

    std::int64_t training_count() const override { return training_count_; }
    std::int64_t validation_count() const override {
        return static_cast<std::int64_t>(windows_.size()) - training_count_;
    }
    void write(std::int64_t sample, std::span<const TensorView> inputs, std::int64_t row) const noexcept override;
    const Window& window(std::int64_t sample) const { return windows_[static_cast<std::size_t>(sample)]; }
    std::uint64_t bytes() const { return windows_.size() * sizeof(Window); }

  private:
    void add(std::int64_t first, std::int64_t last, std::int64_t target_end, std::int64_t stride);

    const WindowData& data_;
    WindowWriter writer_;
    std::int64_t look_back_;
    std::int64_t horizon_;
    std::int64_t fit_steps_;
    std::int64_t training_count_ = 0;
    std::vector<Window> windows_;
};

}  // namespace tensile
