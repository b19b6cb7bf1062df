// See linear_networks.h.
#include "models/window_networks/linear_networks.h"

namespace tensile {

namespace {

class LinearNetwork final : public SeriesNetwork {
  public:
    LinearNetwork(const NetworkShape& shape, SeriesInputKind past, std::int64_t width, const WindowGeometry& geometry)
        : SeriesNetwork(shape, geometry), past_(add_input({past}, "past", width)) {
        add_parameter("linear/weight", {width, output_width()}, true, constant_content(0));
        add_parameter("linear/bias", {output_width()}, false, constant_content(0));
    }

  private:
    ValueId body(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId) const override {
        return linear(builder, inputs[past_], "linear");
    }

    std::size_t past_;
};

}  // namespace

std::unique_ptr<SeriesNetwork> make_dlinear(const NetworkShape& shape, std::int64_t moving_average) {
    return std::make_unique<LinearNetwork>(shape, SeriesInputKind::kDecomposed, 2 * shape.look_back,
                                           WindowGeometry{.moving_average = moving_average});
}

std::unique_ptr<SeriesNetwork> make_nlinear(const NetworkShape& shape) {
    return std::make_unique<LinearNetwork>(shape, SeriesInputKind::kPast, shape.look_back, WindowGeometry{});
}

}  // namespace tensile
