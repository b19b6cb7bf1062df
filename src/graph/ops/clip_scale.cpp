// clip_scale; see clip_scale.h.
#include "graph/ops/clip_scale.h"

#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class ClipScaleOp final : public OpBase<ClipScaleOp> {
  public:
    std::string_view name() const override { return "clip_scale"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.scalar(0, 0);
        check.scalar(1, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T norm = std::sqrt(*call.inputs[0].as<T>());
        const T max_norm = *call.inputs[1].as<T>();
        *call.outputs[0].as<T>() = max_norm > 0 && norm > max_norm ? max_norm / norm : T{1};
    }
};

}  // namespace

const Op& clip_scale_op() {
    static const ClipScaleOp op;
    return op;
}

ValueId clip_scale(ProgramBuilder& builder, ValueId sum_of_squares, ValueId max_norm) {
    return builder.add_one(clip_scale_op(), {{sum_of_squares, max_norm}});
}

}  // namespace tensile::ops
