// See wide_mlp_network.h.
#include "models/networks/wide_mlp_network.h"

#include "graph/ops/masked_mean.h"
#include "graph/ops/relu.h"
#include "graph/ops/softmax_cross_entropy_loss.h"

namespace tensile {

TrainingNetwork wide_mlp_network(const WideMlpOptions& options) {
    // Variance 2 / inputs keeps the signal through relu (He et al., arXiv 1502.01852).
    constexpr double kReluGain = 2;
    TrainingNetworkBuilder network("train_wide_mlp", options.optimizer, options.seed);
    ProgramBuilder& program = network.program();
    const std::int16_t batch = program.extent("batch");
    ValueId x = network.number_input("x", Shape::bounded(options.batch, batch, {options.inputs}));
    const ValueId target = network.index_input("target", Shape::bounded(options.batch, batch), options.classes);
    const ValueId weight = network.number_input("row_weight", Shape::bounded(options.batch, batch));
    for (std::int64_t layer = 0; layer < options.layers; ++layer)
        x = ops::relu(program, network.linear(x, "layer_" + std::to_string(layer), options.width, kReluGain));
    const ValueId logits = network.linear(x, "head", options.classes);
    const ValueId losses = ops::softmax_cross_entropy_loss(program, logits, target, weight);
    return network.finish(ops::masked_mean(program, losses, weight));
}

}  // namespace tensile
