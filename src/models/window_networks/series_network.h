// What the networks here have in common: a sample is the look-back of one series before one origin, outputs are the
// steps after it, all at once. The base of each network declares inputs and parameters by name, brings predictions back
// to the scale of the series, and gives the loss. Knows neither tables nor training.
//
// Values are scaled by series (forecast/series_scaling.h). With o the origin (the first step ahead) and L the
// look-back, a network sees x = (values[o - L ... o) - level) / scale, where level and scale depend on the window
// alone:
//   none:     level 0, scale 1
//   last:     level = the last value of the window, scale 1 (NLinear; Zeng et al., AAAI 2023, arXiv 2205.13504)
//   instance: mean and deviation of the window (RevIN without its affine map; Kim et al., ICLR 2022)
// and gives y = level + scale body(x), f[B, levels horizon], the steps of one quantile level side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/forecast/calendar.h"
#include "models/forecast/window_network.h"
#include "models/initializers.h"
#include "models/options.h"

namespace tensile {

enum class WindowNormalization : std::uint8_t { kNone, kLast, kInstance };
enum class WindowLossKind : std::uint8_t { kSquared, kAbsolute, kQuantile };

// What a network is built from besides its own options; stored with the model.
struct NetworkShape {
    std::int64_t series = 1;
    std::int64_t look_back = 1;
    std::int64_t horizon = 1;     // steps of one forward pass
    std::int64_t covariates = 0;  // known ahead
    std::int64_t season = 1;      // steps a cycle
    bool masked = false;          // cells may be missing: networks that can are told which
    std::vector<CalendarCycle> cycles;
    WindowNormalization normalization = WindowNormalization::kNone;
    WindowLossKind loss = WindowLossKind::kSquared;
    std::vector<double> levels;  // of loss quantile, ascending, in (0, 1); else empty
    std::uint64_t seed = 0;

    std::int64_t outputs() const { return levels.empty() ? 1 : static_cast<std::int64_t>(levels.size()); }

    nlohmann::ordered_json to_json() const;
    static NetworkShape from_json(const nlohmann::ordered_json& json);
};

// What an input of a network holds. Of a window with its normalization applied unless said otherwise.
enum class SeriesInputKind : std::uint8_t {
    kPast,           // f32 [L]
    kPastPresent,    // f32 [L]: 1 where the cell is present
    kDecomposed,     // f32 [2 L]: trend (a moving average), then what is left
    kPatches,        // f32 [patches, patch length]; masked: each patch followed by its present cells
    kLevel,          // f32 [1]
    kScale,          // f32 [1]
    kSeries,         // i32 [1]: number of the series
    kCalendar,       // i32 [1]: slot of the origin in cycle `index`
    kCovariates,     // f32 [covariates horizon], scaled
    kTarget,         // f32 [horizon], scaled by series only; 0 where missing
    kTargetPresent,  // f32 [horizon]
};

struct SeriesInput {
    SeriesInputKind kind;
    std::int64_t index = 0;
};

// How a window is cut into what an input holds.
struct WindowGeometry {
    std::int64_t moving_average = 1;  // odd; steps of kDecomposed's trend
    std::int64_t patch_length = 1;
    std::int64_t patch_stride = 1;
    // The window is continued by one stride of its last value, so that its end is seen as often as its middle.
    std::int64_t patches(std::int64_t look_back) const { return (look_back - patch_length) / patch_stride + 2; }
};

class SeriesNetwork : public WindowNetwork {
  public:
    std::span<const Parameter> parameters() const final { return parameters_; }
    std::span<Parameter> parameters() { return parameters_; }
    std::span<const WindowInput> inputs() const final { return inputs_; }
    std::span<const WindowInput> targets() const final { return targets_; }
    ValueId forward(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const final;
    WindowLoss loss(ProgramBuilder& builder, ValueId prediction, std::span<const ValueId> inputs,
                    std::span<const ValueId> targets) const final;

    const NetworkShape& shape() const { return shape_; }
    const WindowGeometry& geometry() const { return geometry_; }
    // By the order of inputs(), then of targets().
    std::span<const SeriesInput> contents() const { return contents_; }

  protected:
    explicit SeriesNetwork(const NetworkShape& shape, const WindowGeometry& geometry = {});

    // y before its scale is brought back: f[B, outputs() horizon].
    virtual ValueId body(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const = 0;

    std::int64_t output_width() const { return shape_.outputs() * shape_.horizon; }
    // Returns its position among inputs().
    std::size_t add_input(SeriesInput content, std::string name, std::int64_t width);
    void add_parameter(std::string name, Shape shape, bool decays, Initializer initialize);
    // name/weight [inputs, outputs], uniform in +-1/sqrt(inputs) in deviation but normal, and name/bias [outputs].
    void add_linear(const std::string& name, std::int64_t inputs, std::int64_t outputs);
    void add_layer_norm(const std::string& name, std::int64_t width);
    void add_embedding(const std::string& name, std::int64_t rows, std::int64_t width);
    ValueId parameter(ProgramBuilder& builder, std::string_view name) const;
    ValueId linear(ProgramBuilder& builder, ValueId x, const std::string& name) const;
    ValueId layer_norm(ProgramBuilder& builder, ValueId x, const std::string& name) const;

  private:
    NetworkShape shape_;
    WindowGeometry geometry_;
    std::vector<Parameter> parameters_;
    std::vector<WindowInput> inputs_;
    std::vector<WindowInput> targets_;
    std::vector<SeriesInput> contents_;
    std::size_t level_ = 0;  // positions among inputs(), where the normalization needs them
    std::size_t scale_ = 0;
};

// dropout(x) in training, x otherwise.
ValueId dropped_out(ProgramBuilder& builder, ValueId x, ValueId random, double rate, std::int64_t stream);

}  // namespace tensile
