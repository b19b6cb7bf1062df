// See net3_network.h.
#include "models/net3/net3_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "graph/ops/absolute.h"
#include "graph/ops/add.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/matmul.h"
#include "graph/ops/mode_product.h"
#include "graph/ops/multiply.h"
#include "graph/ops/relu.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/split_columns.h"
#include "graph/ops/spread_mode.h"
#include "graph/ops/subtract.h"
#include "graph/ops/sum_all.h"
#include "graph/ops/sum_of_squares.h"
#include "models/initializers.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {

namespace {

using ops::ModeAxis;
using Content = std::function<void(const TensorView&)>;

constexpr std::int64_t kGates = 4;
// Random streams of the weights: this, and their number.
constexpr std::uint64_t kWeightStream = std::uint64_t{0x6E657433} << 8;

std::string numbered(const char* name, std::size_t number) {
    return name + std::to_string(number);
}

// Uniform between -bound and bound.
Content uniform_content(std::uint64_t seed, std::uint64_t stream, double bound) {
    return [=](const TensorView& view) {
        for (std::int64_t i = 0; i < view.type.shape.elements(); ++i)
            view.as<float>()[i] =
                static_cast<float>(bound * (2 * random_uniform(seed, stream, static_cast<std::uint64_t>(i)) - 1));
    };
}

// Orthonormal columns: each holds the mean of some neighbouring places, most of them of a single one. So places keep
// what they are, and the layers between them start near the identity. (Random directions and those of the greatest
// variance both gave worse forecasts.)
void write_neighbourhoods(const TensorView& view) {
    const std::int64_t rows = view.type.shape[0];
    const std::int64_t columns = view.type.shape[1];
    std::memset(view.data, 0, view.type.bytes());
    for (std::int64_t column = 0; column < columns; ++column) {
        const std::int64_t begin = column * rows / columns;
        const std::int64_t end = (column + 1) * rows / columns;
        for (std::int64_t row = begin; row < end; ++row)
            view.as<float>()[row * columns + column] = 1 / std::sqrt(static_cast<float>(end - begin));
    }
}

// For each gate the identity with some noise: at first every place is a network of its own, and places come to see
// each other by learning.
Content near_identity_content(std::uint64_t seed, std::uint64_t stream) {
    constexpr double kNoise = 0.1;
    return [=](const TensorView& view) {
        const std::int64_t size = view.type.shape[1];
        const double bound = kNoise / std::sqrt(static_cast<double>(size));
        uniform_content(seed, stream, bound)(view);
        for (std::int64_t row = 0; row < view.type.shape[0]; ++row)
            view.as<float>()[row * size + row % size] += 1.0F;
    };
}

Content stored_content(std::vector<float> values) {
    const auto held = std::make_shared<const std::vector<float>>(std::move(values));
    return [held](const TensorView& view) {
        std::memset(view.data, 0, view.type.bytes());
        std::copy_n(held->begin(), std::min<std::size_t>(held->size(), view.type.bytes() / sizeof(float)),
                    view.as<float>());
    };
}

// Where mode `mode` lies in a tensor of these modes with `features` numbers a place.
ModeAxis axis_of(std::span<const std::int64_t> modes, std::size_t mode, std::int64_t features,
                 std::int64_t groups = 1) {
    ModeAxis axis{groups, 1, features};
    for (std::size_t m = 0; m < modes.size(); ++m) {
        if (m < mode) axis.outer *= modes[m];
        if (m > mode) axis.inner *= modes[m];
    }
    return axis;
}

// The network as nodes of one program.
class Net3Nodes {
  public:
    struct Step {
        ValueId input;       // X_t
        ValueId features;    // H_t
        ValueId compressed;  // Z_t
        ValueId forecast;
    };

    Net3Nodes(ProgramBuilder& builder, const Net3Architecture& architecture, std::span<const Parameter> parameters,
              std::span<const ValueId> inputs)
        : builder_(builder), net_(architecture), inputs_(inputs) {
        for (const Parameter& parameter : parameters)
            types_[parameter.variable.name] = parameter.variable.type;
        rows_ = builder.type(inputs[0]).shape;
    }

    // The last step of the window.
    Step run() { return net_.fills_gaps ? step_by_step() : all_steps_at_once(); }

    // H_t as the compressed tensor holds it.
    ValueId restored(ValueId compressed, std::int64_t features) {
        std::vector<std::int64_t> modes = net_.inner_modes();
        for (std::size_t m = 0; m < modes.size(); ++m) {
            if (!narrows(m)) continue;
            compressed = ops::mode_product(builder_, compressed, weight(numbered("compression/mode_", m)),
                                           axis_of(modes, m, features));
            modes[m] = net_.modes[m];
        }
        return compressed;
    }

  private:
    ValueId weight(const std::string& name) { return builder_.variable(name, types_.at(name)); }
    // A bias repeated over places and steps: the same row for every step of the window.
    ValueId bias_row(const std::string& name, const ModeAxis& axis, std::int64_t steps) {
        ValueId& row = bias_rows_[name];
        if (!row.valid()) row = ops::spread_mode(builder_, weight(name), axis, steps);
        return row;
    }
    bool narrows(std::size_t mode) const { return net_.compresses() && net_.compressed[mode] < net_.modes[mode]; }
    Shape rows_of(std::int64_t width) const {
        Shape shape{rows_[0], width};
        shape.set_extent_slot(rows_.extent_slot());
        return shape;
    }
    ValueId ones(std::int64_t rows, std::int64_t columns) {
        const std::vector<float> values(static_cast<std::size_t>(rows * columns), 1.0F);
        return builder_.constant({DType::kF32, {rows, columns}}, std::as_bytes(std::span(values)));
    }
    ValueId graph(std::size_t mode) {
        ValueId& value = graphs_[mode];
        if (!value.valid())
            value = builder_.constant({DType::kF32, {net_.modes[mode], net_.modes[mode]}},
                                      std::as_bytes(std::span(net_.graphs[mode])));
        return value;
    }
    ValueId covariates() const { return inputs_[net_.fills_gaps ? 2 : 1]; }

    // H of `steps` steps.
    ValueId convolution(ValueId x, ValueId covariates, std::int64_t steps) {
        const ModeAxis last;
        ValueId sum = ops::mode_product(builder_, x, weight("convolution/plain"), last, true);
        std::map<std::vector<int>, ValueId> products{{{}, x}};
        for (std::size_t term = 0; term < net_.terms.size(); ++term) {
            std::vector<int> modes;
            ValueId product = x;
            for (int mode : net_.terms[term]) {
                modes.push_back(mode);
                ValueId& known = products[modes];
                // Normalised graphs are symmetric; stored by rows of the sum, their products are the fastest.
                if (!known.valid())
                    known = ops::mode_product(builder_, product, graph(static_cast<std::size_t>(mode)),
                                              axis_of(net_.modes, static_cast<std::size_t>(mode), 1), true);
                product = known;
            }
            sum =
                ops::add(builder_, sum,
                         ops::mode_product(builder_, product, weight(numbered("convolution/term_", term)), last, true));
        }
        if (net_.covariates > 0)
            sum = ops::add(builder_, sum,
                           ops::mode_product(builder_, covariates, weight("convolution/covariates"), last, true));
        return ops::relu(builder_,
                         ops::bias_add(builder_, sum, bias_row("convolution/bias", {1, net_.series(), 1}, steps)));
    }

    ValueId compress(ValueId features) {
        std::vector<std::int64_t> modes = net_.modes;
        for (std::size_t m = 0; m < modes.size(); ++m) {
            if (!narrows(m)) continue;
            features = ops::mode_product(builder_, features, weight(numbered("compression/mode_", m)),
                                         axis_of(modes, m, net_.features), true);
            modes[m] = net_.compressed[m];
        }
        return features;
    }

    // The four gates' layers of one side, gate by gate. `features`: of a place of x.
    ValueId layers(const std::string& side, ValueId x, std::int64_t features) {
        const std::vector<std::int64_t>& modes = net_.inner_modes();
        const std::int64_t places = net_.inner_places();
        if (net_.recurrence == Net3Recurrence::kTensor) {
            for (std::size_t m = 0; m < modes.size(); ++m)
                x = ops::mode_product(builder_, x, weight(numbered((side + "/mode_").c_str(), m)),
                                      axis_of(modes, m, features, m == 0 ? 1 : kGates));
        } else {
            x = ops::mode_product(builder_, x, ones(kGates, 1), {1, 1, places * features});
        }
        const ModeAxis each = net_.recurrence == Net3Recurrence::kPerPlace ? ModeAxis{kGates * places, 1, 1}
                                                                           : ModeAxis{kGates, places, 1};
        return ops::mode_product(builder_, x, weight(side + "/features"), each, true);
    }

    ValueId input_gates(ValueId compressed, std::int64_t steps) {
        const std::int64_t places = net_.recurrence == Net3Recurrence::kPerPlace ? 1 : net_.inner_places();
        return ops::bias_add(builder_, layers("recurrence/input", compressed, net_.features),
                             bias_row("recurrence/bias", {kGates, places, 1}, steps));
    }

    ops::LstmState next_state(ValueId gates, const ops::LstmState& previous) {
        if (!previous.hidden.valid()) {
            const ValueId zero = ops::broadcast_scalar(builder_, builder_.constant_scalar(0),
                                                       rows_of(net_.inner_places() * net_.hidden));
            return ops::lstm_cell(builder_, gates, {{}, zero});
        }
        gates = ops::add(builder_, gates, layers("recurrence/state", previous.hidden, net_.hidden));
        return ops::lstm_cell(builder_, gates, previous);
    }

    // One number a series: a linear function of its features.
    ValueId head(const std::string& name, ValueId x) {
        return ops::mode_product(builder_, x, weight(name), {net_.shared_head ? 1 : net_.series(), 1, 1});
    }

    ValueId output(ValueId hidden, ValueId features) {
        const ValueId sum =
            ops::add(builder_, head("head/recurrence", restored(hidden, net_.hidden)), head("head/features", features));
        const ValueId bias = net_.shared_head ? bias_row("head/bias", {1, net_.series(), 1}, 1) : weight("head/bias");
        return ops::bias_add(builder_, sum, bias);
    }

    // The autoregression's part: the steps so far, the last one with the coefficient of the last.
    ValueId autoregression(std::span<const ValueId> steps) {
        if (coefficients_.empty()) {
            const ValueId all =
                ops::broadcast_rows(builder_, weight("skip/coefficients"), rows_of(net_.window * net_.series()));
            coefficients_ = ops::split_columns(builder_, all, net_.window);
        }
        ValueId sum;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const ValueId coefficient = coefficients_[coefficients_.size() - steps.size() + i];
            const ValueId term = ops::multiply(builder_, steps[i], coefficient);
            sum = sum.valid() ? ops::add(builder_, sum, term) : term;
        }
        return ops::bias_add(builder_, sum, weight("skip/constant"));
    }

    ValueId with_skip(ValueId forecast, std::span<const ValueId> steps) {
        if (net_.skip == Net3Skip::kNone) return forecast;
        return ops::add(builder_, forecast, net_.skip == Net3Skip::kLast ? steps.back() : autoregression(steps));
    }

    std::vector<ValueId> by_step(ValueId value) { return ops::split_columns(builder_, value, net_.window); }
    ValueId last_step(ValueId value, std::int64_t width) {
        return ops::slice_columns(builder_, value, (net_.window - 1) * width, net_.window * width);
    }

    Step all_steps_at_once() {
        const ValueId values = inputs_[0];
        const ValueId features = convolution(values, net_.covariates > 0 ? covariates() : ValueId{}, net_.window);
        const ValueId compressed = compress(features);
        const std::vector<ValueId> gates = by_step(input_gates(compressed, net_.window));
        ops::LstmState state;
        for (ValueId each : gates)
            state = next_state(each, state);
        const std::vector<ValueId> steps = by_step(values);
        Step last{steps.back(),
                  last_step(features, net_.series() * net_.features),
                  last_step(compressed, net_.inner_places() * net_.features),
                  {}};
        last.forecast = with_skip(output(state.hidden, last.features), steps);
        return last;
    }

    Step step_by_step() {
        const std::vector<ValueId> values = by_step(inputs_[0]);
        const std::vector<ValueId> gaps = by_step(ops::affine_constant(builder_, inputs_[1], -1, 1));
        std::vector<ValueId> known(values.size());
        if (net_.covariates > 0) known = by_step(covariates());
        ops::LstmState state;
        std::vector<ValueId> steps;
        Step last;
        for (std::size_t t = 0; t < values.size(); ++t) {
            last.input = values[t];
            if (t > 0) last.input = ops::add(builder_, values[t], ops::multiply(builder_, gaps[t], last.forecast));
            steps.push_back(last.input);
            last.features = convolution(last.input, known[t], 1);
            last.compressed = compress(last.features);
            state = next_state(input_gates(last.compressed, 1), state);
            last.forecast = with_skip(output(state.hidden, last.features), steps);
        }
        return last;
    }

    ProgramBuilder& builder_;
    const Net3Architecture& net_;
    std::span<const ValueId> inputs_;
    std::map<std::string, TensorType> types_;
    std::map<std::size_t, ValueId> graphs_;
    std::map<std::string, ValueId> bias_rows_;
    std::vector<ValueId> coefficients_;  // by step, of the whole batch
    Shape rows_;
};

}  // namespace

Net3Network::Net3Network(Net3Architecture architecture, std::uint64_t seed, std::vector<float> skip_coefficients)
    : architecture_(std::move(architecture)) {
    const Net3Architecture& net = architecture_;
    if (net.modes.empty() || net.window < 1) throw InternalError("a NET3 network needs a mode and a step");
    inputs_.push_back({"values", DType::kF32, net.window * net.series()});
    if (net.fills_gaps) inputs_.push_back({"present", DType::kF32, net.window * net.series()});
    if (net.covariates > 0) inputs_.push_back({"covariates", DType::kF32, net.window * net.series() * net.covariates});
    targets_ = {{"target", DType::kF32, net.series()}, {"weight", DType::kF32, net.series()}};
    declare_parameters(seed, std::move(skip_coefficients));
}

void Net3Network::declare(std::string name, Shape shape, Content initialize) {
    Parameter parameter;
    parameter.variable.name = std::move(name);
    parameter.variable.type = {DType::kF32, shape};
    parameter.variable.is_weight = true;
    parameter.variable.initialize = std::move(initialize);
    parameter.decays = shape.rank() > 1;
    parameters_.push_back(std::move(parameter));
}

void Net3Network::declare_parameters(std::uint64_t seed, std::vector<float> skip_coefficients) {
    const Net3Architecture& net = architecture_;
    const std::vector<std::int64_t>& inner = net.inner_modes();
    const auto stream = [&] { return kWeightStream + parameters_.size(); };
    const auto fan = [](std::int64_t count) { return 1 / std::sqrt(static_cast<double>(count)); };

    const auto convolution = [&](const std::string& name, std::int64_t from) {
        declare(name, {from, net.features}, uniform_content(seed, stream(), fan(net.features)));
    };
    convolution("convolution/plain", 1);
    for (std::size_t term = 0; term < net.terms.size(); ++term)
        convolution(numbered("convolution/term_", term), 1);
    if (net.covariates > 0) convolution("convolution/covariates", net.covariates);
    declare("convolution/bias", {net.features}, uniform_content(seed, stream(), fan(net.features)));

    for (std::size_t m = 0; net.compresses() && m < inner.size(); ++m)
        if (inner[m] < net.modes[m])
            declare(numbered("compression/mode_", m), {net.modes[m], inner[m]}, write_neighbourhoods);

    const std::int64_t kinds = net.recurrence == Net3Recurrence::kPerPlace ? net.inner_places() : 1;
    for (const auto& [side, from] : {std::pair<std::string, std::int64_t>{"recurrence/input", net.features},
                                     std::pair<std::string, std::int64_t>{"recurrence/state", net.hidden}}) {
        for (std::size_t m = 0; net.recurrence == Net3Recurrence::kTensor && m < inner.size(); ++m)
            declare(side + "/mode_" + std::to_string(m), {kGates * inner[m], inner[m]},
                    near_identity_content(seed, stream()));
        declare(side + "/features", {kGates * kinds * from, net.hidden}, uniform_content(seed, stream(), fan(from)));
    }
    declare("recurrence/bias", {kGates * kinds * net.hidden}, constant_content(0));

    // With a skip the network starts as the forecast that it is to improve.
    const std::int64_t heads = net.shared_head ? 1 : net.series();
    const auto head = [&](const char* name, std::int64_t from) {
        declare(name, {heads, from},
                net.skip == Net3Skip::kNone ? uniform_content(seed, stream(), fan(net.hidden + net.features))
                                            : constant_content(0));
    };
    head("head/recurrence", net.hidden);
    head("head/features", net.features);
    declare("head/bias", {heads}, constant_content(0));

    if (net.skip == Net3Skip::kAutoregression) {
        const std::int64_t split = net.window * net.series();
        skip_coefficients.resize(static_cast<std::size_t>(split + net.series()));
        declare("skip/constant", {net.series()},
                stored_content({skip_coefficients.begin() + split, skip_coefficients.end()}));
        skip_coefficients.resize(static_cast<std::size_t>(split));
        declare("skip/coefficients", {split}, stored_content(std::move(skip_coefficients)));
    }
}

ValueId Net3Network::forward(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const {
    static_cast<void>(random);
    return Net3Nodes(builder, architecture_, parameters_, inputs).run().forecast;
}

WindowPass Net3Network::training_pass(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const {
    static_cast<void>(random);
    Net3Nodes nodes(builder, architecture_, parameters_, inputs);
    const Net3Nodes::Step last = nodes.run();
    WindowPass pass{last.forecast, {}};
    const auto weighted = [&](ValueId value, double weight) { return ops::affine_constant(builder, value, weight, 0); };
    std::vector<ValueId> penalties;
    for (const Parameter& parameter : parameters_) {
        const std::string& name = parameter.variable.name;
        const TensorType& type = parameter.variable.type;
        if (!name.starts_with("compression/") || architecture_.orthogonality == 0) continue;
        const std::int64_t size = type.shape[1];
        std::vector<float> identity(static_cast<std::size_t>(size * size));
        for (std::int64_t i = 0; i < size; ++i)
            identity[static_cast<std::size_t>(i * size + i)] = 1.0F;
        const ValueId matrix = builder.variable(name, type);
        const ValueId distance =
            ops::subtract(builder, ops::matmul(builder, matrix, matrix, true),
                          builder.constant({DType::kF32, {size, size}}, std::as_bytes(std::span(identity))));
        penalties.push_back(
            weighted(ops::sum_all(builder, ops::absolute(builder, distance)), architecture_.orthogonality));
    }
    if (builder.type(last.compressed) != builder.type(last.features) && architecture_.reconstruction > 0) {
        const ValueId lost =
            ops::subtract(builder, last.features, nodes.restored(last.compressed, architecture_.features));
        const Shape shape = builder.type(lost).shape;
        Shape row{shape[0]};
        row.set_extent_slot(shape.extent_slot());
        const ValueId rows = ops::sum_all(builder, ops::broadcast_scalar(builder, builder.constant_scalar(1), row));
        const ValueId mean = mean_of_sums(builder, ops::sum_of_squares(builder, lost), rows);
        penalties.push_back(weighted(mean, architecture_.reconstruction / static_cast<double>(shape.row_width())));
    }
    if (!penalties.empty()) pass.penalty = ops::add_scalars(builder, penalties);
    return pass;
}

WindowLoss Net3Network::loss(ProgramBuilder& builder, ValueId prediction, std::span<const ValueId>,
                             std::span<const ValueId> targets) const {
    return squared_window_loss(builder, prediction, targets[0], targets[1]);
}

}  // namespace tensile
