// copy; see copy.h.
#include "graph/ops/copy.h"

#include <algorithm>
#include <cstddef>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class CopyOp final : public OpBase<CopyOp> {
  public:
    std::string_view name() const override { return "copy"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    std::vector<Alias> aliases(const Attributes&) const override { return {{0, 0}}; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.same_type(1, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        std::copy_n(call.inputs[1].as<std::byte>(), call.inputs[1].type.bytes(), call.outputs[0].as<std::byte>());
    }
};

}  // namespace

const Op& copy_op() {
    static const CopyOp op;
    return op;
}

ValueId copy(ProgramBuilder& builder, ValueId destination, ValueId source) {
    return builder.add_one(copy_op(), {{destination, source}});
}

}  // namespace tensile::ops
