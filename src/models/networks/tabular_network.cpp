// See tabular_network.h.
#include "models/networks/tabular_network.h"

#include "graph/ops/binary_cross_entropy_loss.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/relu.h"

namespace tensile {

TrainingNetwork tabular_network(const TabularOptions& options) {
    TrainingNetworkBuilder network("train_tabular", options.optimizer, options.seed);
    ProgramBuilder& program = network.program();
    const Shape rows = Shape::bounded(options.batch, program.extent("batch"));
    Shape numbers = rows;
    numbers.append(options.numbers);
    std::vector<ValueId> parts{network.number_input("numbers", numbers)};
    for (std::int64_t table = 0; table < options.tables; ++table) {
        const std::string suffix = "_" + std::to_string(table);
        const ValueId codes = network.index_input("codes" + suffix, rows, options.table_rows);
        parts.push_back(network.embedding(codes, "embedding" + suffix, options.table_rows, options.embedding));
    }
    const ValueId target = network.number_input("target", rows);
    const ValueId weight = network.number_input("row_weight", rows);
    ValueId x = ops::concat_columns(program, parts);
    for (std::int64_t layer = 0; layer < options.layers; ++layer) {
        const std::string name = "layer_" + std::to_string(layer);
        x = network.layer_norm(network.linear(x, name, options.width), name + "/norm");
        x = network.dropout(ops::relu(program, x), options.dropout);
    }
    const ValueId logit = network.linear(x, "head", 1);
    const ValueId losses = ops::binary_cross_entropy_loss(program, logit, target, weight);
    return network.finish(ops::masked_mean(program, losses, weight));
}

}  // namespace tensile
