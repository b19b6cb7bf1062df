// concat_rows; see concat_rows.h.
#include "graph/ops/concat_rows.h"

#include <algorithm>
#include <cstddef>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class ConcatRowsOp final : public OpBase<ConcatRowsOp> {
  public:
    std::string_view name() const override { return "concat_rows"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs);
        Shape shape = inputs[0].shape;
        std::int64_t rows = 0;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            check.require(inputs[i].shape.rank() > 0, "inputs must not be scalars");
            check.fixed(i);
            check.dtype(i, inputs[0].dtype);
            shape.set(0, inputs[i].shape.rows());
            check.require(inputs[i].shape == shape, "inputs must be alike but for their leading dimension");
            rows += inputs[i].shape.rows();
        }
        shape.set(0, rows);
        return {{inputs[0].dtype, shape}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        auto* y = call.outputs[0].as<std::byte>();
        for (const TensorView& part : call.inputs)
            y = std::copy_n(part.as<std::byte>(), part.type.bytes(), y);
    }
};

}  // namespace

const Op& concat_rows_op() {
    static const ConcatRowsOp op;
    return op;
}

ValueId concat_rows(ProgramBuilder& builder, std::span<const ValueId> parts) {
    return builder.add_one(concat_rows_op(), parts);
}

SparseRows concat_rows(ProgramBuilder& builder, std::span<const SparseRows> parts) {
    std::vector<ValueId> rows;
    std::vector<ValueId> indices;
    for (const SparseRows& part : parts) {
        if (part.table_rows != parts.front().table_rows)
            throw InternalError("cannot put row-sparse values of different tables together");
        rows.push_back(part.rows);
        indices.push_back(part.indices);
    }
    return {concat_rows(builder, rows), concat_rows(builder, indices), parts.front().table_rows};
}

}  // namespace tensile::ops
