// See patch_transformer.h.
#include "models/window_networks/patch_transformer.h"

#include <cmath>

#include "graph/ops/add.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/gelu.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/split_heads.h"

namespace tensile {

namespace {

class PatchTransformer final : public SeriesNetwork {
  public:
    PatchTransformer(const NetworkShape& shape, const PatchTransformerOptions& options)
        : SeriesNetwork(shape, {.patch_length = options.patch_length, .patch_stride = options.patch_stride}),
          options_(options),
          patches_(geometry().patches(shape.look_back)),
          token_inputs_(options.patch_length * (shape.masked ? 2 : 1)),
          past_(add_input({SeriesInputKind::kPatches}, "patches", patches_ * token_inputs_)) {
        add_linear("patch", token_inputs_, options.width);
        add_embedding("position", patches_, options.width);
        for (std::int64_t layer = 0; layer < options.layers; ++layer) {
            const std::string name = layer_name(layer);
            add_layer_norm(name + "/attention_norm", options.width);
            for (const char* part : {"/query", "/key", "/value", "/joined"})
                add_linear(name + part, options.width, options.width);
            add_layer_norm(name + "/feed_forward_norm", options.width);
            add_linear(name + "/inner", options.width, options.feed_forward);
            add_linear(name + "/outer", options.feed_forward, options.width);
        }
        add_layer_norm("output_norm", options.width);
        add_linear("output", patches_ * options.width, output_width());
    }

    // Tokens are rows of their own, so an extent cannot count both them and the samples.
    bool needs_static_rows() const override { return true; }

  private:
    static std::string layer_name(std::int64_t layer) { return "layer_" + std::to_string(layer); }

    ValueId positions(ProgramBuilder& builder, std::int64_t tokens) const {
        std::vector<std::int32_t> numbers;
        for (std::int64_t token = 0; token < tokens; ++token)
            numbers.push_back(static_cast<std::int32_t>(token % patches_));
        const ValueId indices = builder.constant({DType::kI32, {tokens}}, std::as_bytes(std::span(numbers)));
        return ops::gather_rows(builder, parameter(builder, "position"), indices);
    }

    ValueId attention(ProgramBuilder& builder, ValueId x, std::int64_t samples, const std::string& name, ValueId random,
                      std::int64_t stream) const {
        const auto by_head = [&](ValueId rows) { return ops::split_heads(builder, rows, patches_, options_.heads); };
        const std::int64_t groups = samples * options_.heads;
        const double scale = 1 / std::sqrt(static_cast<double>(options_.width / options_.heads));
        const ValueId query = by_head(ops::affine_constant(builder, linear(builder, x, name + "/query"), scale, 0));
        const ValueId key = by_head(linear(builder, x, name + "/key"));
        const ValueId value = by_head(linear(builder, x, name + "/value"));
        const ValueId shares = ops::softmax(builder, ops::batched_matmul(builder, query, key, groups, false, true));
        const ValueId seen = ops::batched_matmul(builder, shares, value, groups);
        const ValueId joined =
            linear(builder, ops::merge_heads(builder, seen, patches_, options_.heads), name + "/joined");
        return dropped_out(builder, joined, random, options_.dropout, stream);
    }

    ValueId feed_forward(ProgramBuilder& builder, ValueId x, const std::string& name, ValueId random,
                         std::int64_t stream) const {
        ValueId inner = ops::gelu(builder, linear(builder, x, name + "/inner"));
        inner = dropped_out(builder, inner, random, options_.dropout, stream);
        return dropped_out(builder, linear(builder, inner, name + "/outer"), random, options_.dropout, stream + 1);
    }

    ValueId body(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const override {
        const std::int64_t samples = builder.type(inputs[past_]).shape.rows();
        std::int64_t stream = 0;
        ValueId x = linear(builder, ops::reshape(builder, inputs[past_], token_inputs_), "patch");
        x = ops::add(builder, x, positions(builder, samples * patches_));
        x = dropped_out(builder, x, random, options_.dropout, stream++);
        for (std::int64_t layer = 0; layer < options_.layers; ++layer) {
            const std::string name = layer_name(layer);
            x = ops::add(
                builder, x,
                attention(builder, layer_norm(builder, x, name + "/attention_norm"), samples, name, random, stream));
            x = ops::add(
                builder, x,
                feed_forward(builder, layer_norm(builder, x, name + "/feed_forward_norm"), name, random, stream + 1));
            stream += 3;
        }
        x = layer_norm(builder, x, "output_norm");
        x = ops::reshape(builder, x, patches_ * options_.width);
        return linear(builder, dropped_out(builder, x, random, options_.dropout, stream), "output");
    }

    PatchTransformerOptions options_;
    std::int64_t patches_;
    std::int64_t token_inputs_;
    std::size_t past_;
};

}  // namespace

std::unique_ptr<SeriesNetwork> make_patch_transformer(const NetworkShape& shape,
                                                      const PatchTransformerOptions& options) {
    return std::make_unique<PatchTransformer>(shape, options);
}

}  // namespace tensile
