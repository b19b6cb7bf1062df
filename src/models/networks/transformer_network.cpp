// See transformer_network.h.
#include "models/networks/transformer_network.h"

#include <cmath>

#include "graph/ops/add.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/gelu.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/softmax.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "graph/ops/split_heads.h"

namespace tensile {

namespace {

class TransformerBuilder {
  public:
    explicit TransformerBuilder(const TransformerOptions& options)
        : options_(options), network_("train_transformer", options.optimizer, options.seed) {
        if (options.width % options.heads != 0)
            throw InternalError("the width of a transformer must be a multiple of its heads");
    }

    TrainingNetwork run() {
        const Shape rows{options_.batch * options_.steps};
        const ValueId tokens = network_.index_input("tokens", rows, options_.vocabulary);
        const ValueId target = network_.index_input("target", rows, options_.vocabulary);
        const ValueId weight = network_.number_input("row_weight", rows);
        ValueId x = network_.embedding(tokens, "token_embedding", options_.vocabulary, options_.width);
        x = add(x, network_.embedding(positions(), "position_embedding", options_.steps, options_.width));
        x = network_.dropout(x, options_.dropout);
        for (std::int64_t layer = 0; layer < options_.layers; ++layer) {
            const std::string block = "block_" + std::to_string(layer);
            x = add(x, attention(network_.layer_norm(x, block + "/attention_norm"), block + "/attention"));
            x = add(x, feed_forward(network_.layer_norm(x, block + "/feed_forward_norm"), block + "/feed_forward"));
        }
        const ValueId logits = network_.linear(network_.layer_norm(x, "final_norm"), "head", options_.vocabulary);
        const ValueId losses = ops::softmax_cross_entropy_loss(program(), logits, target, weight);
        return network_.finish(ops::masked_mean(program(), losses, weight));
    }

  private:
    ProgramBuilder& program() { return network_.program(); }
    ValueId add(ValueId a, ValueId b) { return ops::add(program(), a, b); }

    // The step of each row.
    ValueId positions() {
        std::vector<std::int32_t> steps;
        for (std::int64_t row = 0; row < options_.batch * options_.steps; ++row)
            steps.push_back(static_cast<std::int32_t>(row % options_.steps));
        return program().constant({DType::kI32, {options_.batch * options_.steps}}, std::as_bytes(std::span(steps)));
    }

    ValueId attention(ValueId x, const std::string& name) {
        const std::int64_t groups = options_.batch * options_.heads;
        const auto by_head = [&](ValueId matrix) {
            return ops::split_heads(program(), matrix, options_.steps, options_.heads);
        };
        ValueId q = network_.linear(x, name + "/query", options_.width);
        const double scale = 1 / std::sqrt(static_cast<double>(options_.width / options_.heads));
        q = by_head(ops::affine_constant(program(), q, scale, 0));
        const ValueId k = by_head(network_.linear(x, name + "/key", options_.width));
        const ValueId v = by_head(network_.linear(x, name + "/value", options_.width));
        const ValueId scores = ops::batched_matmul(program(), q, k, groups, false, true);
        const ValueId shares =
            options_.causal ? ops::causal_softmax(program(), scores) : ops::softmax(program(), scores);
        const ValueId seen = ops::batched_matmul(program(), network_.dropout(shares, options_.dropout), v, groups);
        const ValueId joined = ops::merge_heads(program(), seen, options_.steps, options_.heads);
        return network_.dropout(network_.linear(joined, name + "/output", options_.width), options_.dropout);
    }

    ValueId feed_forward(ValueId x, const std::string& name) {
        x = ops::gelu(program(), network_.linear(x, name + "/inner", options_.feed_forward));
        return network_.dropout(network_.linear(x, name + "/outer", options_.width), options_.dropout);
    }

    const TransformerOptions& options_;
    TrainingNetworkBuilder network_;
};

}  // namespace

TrainingNetwork transformer_network(const TransformerOptions& options) {
    return TransformerBuilder(options).run();
}

}  // namespace tensile
