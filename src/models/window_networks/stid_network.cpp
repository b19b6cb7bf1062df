// See stid_network.h.
#include "models/window_networks/stid_network.h"

#include "graph/ops/add.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/relu.h"

namespace tensile {

namespace {

class StidNetwork final : public SeriesNetwork {
  public:
    StidNetwork(const NetworkShape& shape, const StidOptions& options) : SeriesNetwork(shape), options_(options) {
        std::int64_t seen = add_number_input(SeriesInputKind::kPast, "past", shape.look_back);
        if (shape.masked) seen += add_number_input(SeriesInputKind::kPastPresent, "past_present", shape.look_back);
        if (shape.covariates > 0)
            seen += add_number_input(SeriesInputKind::kCovariates, "covariates", shape.covariates * shape.horizon);
        add_linear("past", seen, options.width);

        add_index_input({SeriesInputKind::kSeries}, "series", shape.series);
        for (std::size_t i = 0; i < shape.cycles.size(); ++i)
            add_index_input({SeriesInputKind::kCalendar, static_cast<std::int64_t>(i)},
                            std::string(name_of(shape.cycles[i].kind)), shape.cycles[i].slots);

        const std::int64_t hidden = options.width * (1 + static_cast<std::int64_t>(indices_.size()));
        for (std::int64_t layer = 0; layer < options.layers; ++layer) {
            add_linear(layer_name(layer) + "/inner", hidden, hidden);
            add_linear(layer_name(layer) + "/outer", hidden, hidden);
        }
        add_linear("output", hidden, output_width());
    }

  private:
    struct IndexInput {
        std::size_t position;
        std::string table;
    };

    static std::string layer_name(std::int64_t layer) { return "layer_" + std::to_string(layer); }

    std::int64_t add_number_input(SeriesInputKind kind, std::string name, std::int64_t width) {
        numbers_.push_back(add_input({kind}, std::move(name), width));
        return width;
    }
    void add_index_input(SeriesInput content, const std::string& name, std::int64_t rows) {
        const std::string table = name + "/embedding";
        indices_.push_back({add_input(content, name, 1), table});
        add_embedding(table, rows, options_.width);
    }

    ValueId body(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const override {
        std::vector<ValueId> seen;
        for (const std::size_t position : numbers_)
            seen.push_back(inputs[position]);
        const ValueId past = seen.size() == 1 ? seen[0] : ops::concat_columns(builder, seen);
        std::vector<ValueId> parts = {linear(builder, past, "past")};
        for (const IndexInput& index : indices_)
            parts.push_back(ops::gather_rows(builder, parameter(builder, index.table), inputs[index.position]));
        ValueId h = ops::concat_columns(builder, parts);
        for (std::int64_t layer = 0; layer < options_.layers; ++layer) {
            const ValueId inner = ops::relu(builder, linear(builder, h, layer_name(layer) + "/inner"));
            const ValueId kept = dropped_out(builder, inner, random, options_.dropout, layer);
            h = ops::add(builder, h, linear(builder, kept, layer_name(layer) + "/outer"));
        }
        return linear(builder, h, "output");
    }

    StidOptions options_;
    std::vector<std::size_t> numbers_;
    std::vector<IndexInput> indices_;
};

}  // namespace

std::unique_ptr<SeriesNetwork> make_stid(const NetworkShape& shape, const StidOptions& options) {
    return std::make_unique<StidNetwork>(shape, options);
}

}  // namespace tensile
