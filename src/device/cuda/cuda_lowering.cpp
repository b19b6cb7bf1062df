#include "device/cuda/cuda_lowering.h"

#include <algorithm>
#include <utility>

#include "device/buffer_assignment.h"
#include "device/tensor_use.h"
#include "device/update_slices.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// What one multiprocessor does in a second at least, on the slowest of the devices that the plug-in knows: a launch is
// rather expected to take too long.
constexpr double kFlopsPerSecond = 50e9;
constexpr double kBytesPerSecond = 5e9;
constexpr double kLaunchSeconds = 5e-6;

// Of addresses that bindings are given, and what the plug-in wants for scratch.
constexpr std::uintptr_t kTensorAlignment = 64;
constexpr std::uintptr_t kScratchAlignment = 256;

std::vector<TensorType> types_of(const std::vector<TensorUse>& uses) {
    std::vector<TensorType> types;
    types.reserve(uses.size());
    for (const TensorUse& use : uses)
        types.push_back(use.type);
    return types;
}

class Lowering {
  public:
    Lowering(const Program& program, const LoweringOptions& options, CudaKernels& kernels, int multiprocessors)
        : program_(program),
          options_(options),
          kernels_(kernels),
          multiprocessors_(multiprocessors),
          buffers_(program, sliced_variables(program, options), options.slice_bytes) {}

    CudaProgram run() {
        for (std::size_t i = 0; i < program_.nodes().size(); ++i) {
            const Node& node = program_.nodes()[i];
            if (uses_slices(node, buffers_))
                lower_slices(node, static_cast<std::int32_t>(i));
            else
                lower(node, static_cast<std::int32_t>(i));
        }
        result_.lowered.name = program_.name();
        result_.lowered.tensors = buffers_.take();
        result_.pointers.resize(result_.lowered.tensors.size());
        return std::move(result_);
    }

  private:
    std::vector<TensorType> types_of_values(const std::vector<ValueId>& ids) const {
        std::vector<TensorType> types;
        types.reserve(ids.size());
        for (ValueId id : ids)
            types.push_back(program_.value(id).type);
        return types;
    }

    std::vector<TensorUse> uses_of_values(const std::vector<ValueId>& ids) {
        std::vector<TensorUse> uses;
        uses.reserve(ids.size());
        for (ValueId id : ids)
            uses.push_back({buffers_.tensor_of(id), program_.value(id).type});
        return uses;
    }

    std::shared_ptr<const CudaKernel> prepare(const Node& node, std::span<const TensorType> inputs,
                                              std::span<const TensorType> outputs) {
        return kernels_.prepare({*node.op, node.attributes, inputs, outputs, options_});
    }

    void lower(const Node& node, std::int32_t index) {
        auto kernel = prepare(node, types_of_values(node.inputs), types_of_values(node.outputs));
        for (std::size_t i = 0; node.aliases.empty() && i < node.inputs.size(); ++i)
            if (kernel->may_overwrite(i) && buffers_.reuse(node.outputs[0], node.inputs[i], index)) break;
        const std::vector<TensorUse> inputs = uses_of_values(node.inputs);
        add_op(node, index, std::move(kernel), inputs, uses_of_values(node.outputs));
    }

    void lower_slices(const Node& node, std::int32_t index) {
        for (const UpdateSlice& slice : slice_update(program_, node, buffers_, options_.slice_bytes))
            add_op(node, index, prepare(node, types_of(slice.inputs), types_of(slice.outputs)), slice.inputs,
                   slice.outputs);
    }

    void add_op(const Node& node, std::int32_t index, std::shared_ptr<const CudaKernel> kernel,
                const std::vector<TensorUse>& inputs, const std::vector<TensorUse>& outputs) {
        LoweredOp lowered;
        lowered.name = std::string(node.op->name()) + "_" + std::to_string(index);
        const OpCost cost = node.op->cost(types_of(inputs), types_of(outputs), node.attributes);
        lowered.flops = cost.flops;
        lowered.bytes = cost.bytes;
        CudaOp op;
        op.inputs = add_pointers(inputs, lowered.reads);
        op.outputs = add_pointers(outputs, lowered.writes);
        op.scratch = result_.pointer_count;
        if (kernel->scratch_bytes() > 0) {
            op.has_scratch = true;
            const std::int32_t scratch = buffers_.add_scratch(
                lowered.name + ".scratch", kernel->scratch_bytes() + kScratchAlignment - kTensorAlignment);
            add_pointers({{scratch, {}}}, lowered.writes, kScratchAlignment);
        }
        op.end = result_.pointer_count;
        op.seconds = kLaunchSeconds + cost.flops / (kFlopsPerSecond * multiprocessors_) +
                     cost.bytes / (kBytesPerSecond * multiprocessors_);
        op.kernel = std::move(kernel);
        result_.ops.push_back(std::move(op));
        result_.lowered.ops.push_back(std::move(lowered));
    }

    // Returns the position of the first.
    std::size_t add_pointers(const std::vector<TensorUse>& uses, std::vector<std::int32_t>& list,
                             std::uintptr_t alignment = kTensorAlignment) {
        const std::size_t first = result_.pointer_count;
        for (const TensorUse& use : uses) {
            add_once(list, use.tensor);
            const auto tensor = static_cast<std::size_t>(use.tensor);
            if (result_.pointers.size() <= tensor) result_.pointers.resize(tensor + 1);
            result_.pointers[tensor].push_back({result_.pointer_count++, use.offset, alignment});
        }
        return first;
    }

    const Program& program_;
    const LoweringOptions& options_;
    CudaKernels& kernels_;
    const int multiprocessors_;
    BufferAssignment buffers_;
    CudaProgram result_;
};

}  // namespace

CudaProgram lower_to_cuda(const Program& program, const LoweringOptions& options, CudaKernels& kernels,
                          std::shared_ptr<const CudaContext> context, int multiprocessors) {
    CudaProgram result = Lowering(program, options, kernels, std::max(multiprocessors, 1)).run();
    result.context = std::move(context);
    return result;
}

}  // namespace tensile
