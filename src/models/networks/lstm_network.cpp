// See lstm_network.h.
#include "models/networks/lstm_network.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/add.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/matmul.h"
#include "graph/ops/softmax_cross_entropy_loss.h"

namespace tensile {

namespace {

constexpr double kEmbeddingDeviation = 1;

class LstmBuilder {
  public:
    explicit LstmBuilder(const LstmOptions& options)
        : options_(options),
          network_("train_lstm", options.optimizer, options.seed),
          rows_(Shape::bounded(options.batch, network_.program().extent("batch"))) {}

    TrainingNetwork run() {
        const ValueId table = network_.parameter("embedding", {options_.vocabulary, options_.embedding}, false,
                                                 TrainingNetworkBuilder::normal(kEmbeddingDeviation));
        for (std::int64_t layer = 0; layer < options_.layers; ++layer)
            add_layer("layer_" + std::to_string(layer), layer == 0 ? options_.embedding : options_.hidden);
        for (std::int64_t step = 0; step < options_.steps; ++step) {
            const std::string suffix = "_" + std::to_string(step);
            const ValueId tokens = network_.index_input("tokens" + suffix, rows_, options_.vocabulary);
            const ValueId present = network_.number_input("present" + suffix, rows_);
            ValueId x = ops::gather_rows(program(), table, tokens);
            for (Layer& layer : layers_)
                x = advance(layer, x, present);
        }
        const ValueId target = network_.index_input("target", rows_, options_.classes);
        const ValueId weight = network_.number_input("row_weight", rows_);
        const ValueId last = network_.dropout(layers_.back().state.hidden, options_.dropout);
        const ValueId logits = network_.linear(last, "head", options_.classes);
        const ValueId losses = ops::softmax_cross_entropy_loss(program(), logits, target, weight);
        return network_.finish(ops::masked_mean(program(), losses, weight));
    }

  private:
    struct Layer {
        ValueId input_weight;
        ValueId hidden_weight;
        ValueId bias;
        ops::LstmState state;
        bool started = false;
    };

    ProgramBuilder& program() { return network_.program(); }

    void add_layer(const std::string& name, std::int64_t inputs) {
        const std::int64_t hidden = options_.hidden;
        const auto scaled = [](std::int64_t terms) {
            return TrainingNetworkBuilder::normal(std::sqrt(1 / static_cast<double>(terms)));
        };
        Layer layer;
        layer.input_weight = network_.parameter(name + "/input_weight", {inputs, 4 * hidden}, true, scaled(inputs));
        layer.hidden_weight = network_.parameter(name + "/hidden_weight", {hidden, 4 * hidden}, true, scaled(hidden));
        layer.bias = network_.parameter(name + "/bias", {4 * hidden}, false,
                                        [hidden](const TensorView& view, std::uint64_t, std::uint64_t) {
                                            std::fill_n(view.as<float>(), 4 * hidden, 0.0F);
                                            std::fill_n(view.as<float>() + hidden, hidden, 1.0F);
                                        });
        const std::vector<float> zeros(static_cast<std::size_t>(hidden));
        const ValueId zero = program().constant({DType::kF32, {hidden}}, std::as_bytes(std::span(zeros)));
        Shape shape = rows_;
        shape.append(hidden);
        layer.state.hidden = layer.state.cell = ops::broadcast_rows(program(), zero, shape);
        layers_.push_back(layer);
    }

    // One step of one layer; its new hidden state.
    ValueId advance(Layer& layer, ValueId x, ValueId present) {
        ValueId gates = ops::matmul(program(), x, layer.input_weight);
        // The state before the first step is zero.
        if (layer.started)
            gates = ops::add(program(), gates, ops::matmul(program(), layer.state.hidden, layer.hidden_weight));
        layer.started = true;
        layer.state = ops::lstm_cell(program(), ops::bias_add(program(), gates, layer.bias), layer.state, present);
        return layer.state.hidden;
    }

    const LstmOptions& options_;
    TrainingNetworkBuilder network_;
    Shape rows_;
    std::vector<Layer> layers_;
};

}  // namespace

TrainingNetwork lstm_network(const LstmOptions& options) {
    return LstmBuilder(options).run();
}

}  // namespace tensile
