// Reverse-mode differentiation; see autodiff.h.
#include "graph/autodiff.h"

#include <algorithm>

#include "graph/ops/add.h"
#include "graph/ops/concat_rows.h"
#include "graph/ops/densify_rows.h"
#include "graph/value_index.h"

namespace tensile {

namespace {

// What has flowed into one value so far, in order of arrival.
struct Contributions {
    std::vector<ValueId> dense;
    std::vector<SparseRows> sparse;

    bool empty() const { return dense.empty() && sparse.empty(); }
};

class Differentiation {
  public:
    Differentiation(ProgramBuilder& builder, std::span<const ValueId> wrt)
        : builder_(builder), forward_nodes_(builder.nodes().size()) {
        std::size_t values = 0;
        const auto cover = [&](ValueId id) { values = std::max(values, at(id) + 1); };
        for (ValueId id : wrt)
            cover(id);
        for (const Node& node : builder.nodes()) {
            std::ranges::for_each(node.inputs, cover);
            std::ranges::for_each(node.outputs, cover);
        }
        depends_.resize(values, false);
        contributions_.resize(values);
        for (ValueId id : wrt)
            depends_[at(id)] = true;
        for (const Node& node : builder.nodes())
            if (std::ranges::any_of(node.inputs, [&](ValueId id) { return depends_[at(id)]; }))
                for (ValueId id : node.outputs)
                    depends_[at(id)] = true;
    }

    void seed(ValueId loss, ValueId gradient) {
        if (at(loss) < depends_.size() && depends_[at(loss)]) contributions_[at(loss)].dense.push_back(gradient);
    }

    void run() {
        // Nodes appended meanwhile are backward nodes: only the forward is walked.
        for (std::size_t i = forward_nodes_; i-- > 0;)
            propagate(Node(builder_.nodes()[i]));
    }

    Gradient gradient(ValueId id) {
        Contributions& arrived = contributions_[at(id)];
        if (arrived.empty()) return {};
        if (!arrived.dense.empty()) return dense(id);
        if (arrived.sparse.size() > 1) arrived.sparse = {ops::concat_rows(builder_, arrived.sparse)};
        return arrived.sparse.front();
    }

  private:
    // The sum of everything that arrived at a value: dense terms first, in order of arrival.
    ValueId dense(ValueId id) {
        Contributions& arrived = contributions_[at(id)];
        if (!arrived.sparse.empty()) {
            const SparseRows all =
                arrived.sparse.size() > 1 ? ops::concat_rows(builder_, arrived.sparse) : arrived.sparse.front();
            arrived.dense.push_back(ops::densify_rows(builder_, all));
            arrived.sparse.clear();
        }
        ValueId sum = arrived.dense.front();
        for (std::size_t i = 1; i < arrived.dense.size(); ++i)
            sum = ops::add(builder_, sum, arrived.dense[i]);
        arrived.dense = {sum};
        return sum;
    }

    void propagate(const Node& node) {
        const auto flows = [&](ValueId id) { return !contributions_[at(id)].empty(); };
        const auto wanted = [&](ValueId id) { return depends_[at(id)]; };
        if (!node.op->differentiable() || std::ranges::none_of(node.outputs, flows) ||
            std::ranges::none_of(node.inputs, wanted))
            return;

        std::vector<ValueId> output_gradients;
        for (ValueId id : node.outputs)
            output_gradients.push_back(flows(id) ? dense(id) : ValueId{});
        std::vector<ValueId> dense_gradients(node.inputs.size());
        std::vector<SparseRows> sparse_gradients(node.inputs.size());
        GradientCall call{builder_,        node.inputs,     node.outputs,    output_gradients,
                          node.attributes, dense_gradients, sparse_gradients};
        node.op->gradient(call);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (!wanted(node.inputs[i])) continue;
            Contributions& target = contributions_[at(node.inputs[i])];
            if (dense_gradients[i].valid()) target.dense.push_back(dense_gradients[i]);
            if (sparse_gradients[i].rows.valid()) target.sparse.push_back(sparse_gradients[i]);
        }
    }

    ProgramBuilder& builder_;
    std::size_t forward_nodes_;
    std::vector<bool> depends_;  // by value: some of wrt flows into it
    std::vector<Contributions> contributions_;
};

}  // namespace

std::vector<Gradient> gradients(ProgramBuilder& builder, std::span<const ValueId> losses, std::span<const ValueId> wrt,
                                std::span<const ValueId> seeds) {
    if (!seeds.empty() && seeds.size() != losses.size()) throw InternalError("there must be one seed for each loss");
    Differentiation differentiation(builder, wrt);
    ValueId one;
    for (std::size_t i = 0; i < losses.size(); ++i) {
        if (builder.type(losses[i]) != TensorType{DType::kF32, {}})
            throw InternalError("a loss must be a scalar of type f32");
        if (seeds.empty() && !one.valid()) one = builder.constant_scalar(1.0F);
        differentiation.seed(losses[i], seeds.empty() ? one : seeds[i]);
    }
    differentiation.run();
    std::vector<Gradient> result;
    for (ValueId id : wrt)
        result.push_back(differentiation.gradient(id));
    return result;
}

}  // namespace tensile
