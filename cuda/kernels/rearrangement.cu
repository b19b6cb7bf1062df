// Kernels that move values without computing: split_heads, merge_heads, spread_mode. Indices have 32 bits where that is
// enough, because divisions of 64-bit numbers would take longer than the copies.
#include <limits>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

// Calls launch.operator()<Index>(). A loop may step beyond `count` by a whole grid, so there must be room for that.
template <typename Launch>
void with_index(std::int64_t count, const Launch& launch) {
    if (count <= std::numeric_limits<std::int32_t>::max()) {
        launch.template operator()<std::uint32_t>();
    } else {
        launch.template operator()<std::uint64_t>();
    }
}

// `width` columns a head. Joined: [sequences steps, heads width]; split: [sequences heads steps, width].
struct HeadLayout {
    std::int64_t elements;
    std::int64_t width;
    std::int64_t steps;
    std::int64_t heads;
};

template <typename Index, bool kSplit>
__global__ void move_heads(const float* __restrict__ from, float* __restrict__ to, Index elements, Index width,
                           Index steps, Index heads) {
    for (Index joined = grid_thread(); joined < elements; joined += grid_threads()) {
        const Index run = joined / width;
        const Index row = run / heads;
        const Index split = ((row / steps * heads + run % heads) * steps + row % steps) * width + joined % width;
        if constexpr (kSplit) {
            to[split] = from[joined];
        } else {
            to[joined] = from[split];
        }
    }
}

template <typename Index>
__global__ void spread_values(const float* __restrict__ values, float* __restrict__ row, Index elements, Index inner,
                              Index size, Index outer, Index groups) {
    for (Index at = grid_thread(); at < elements; at += grid_threads()) {
        const Index place = at / inner;
        const Index group = place / size / outer % groups;
        row[at] = values[group * size + place % size];
    }
}

template <bool kSplit>
std::unique_ptr<Kernel> make_move_heads(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType& split = kSplit ? problem.outputs[0] : problem.inputs[0];
    const HeadLayout layout{split.elements(), split.dim(1), problem.integer("steps"), problem.integer("heads")};
    return function_kernel({}, [layout](const KernelArguments& call) {
        if (layout.elements == 0) return;
        with_index(layout.elements, [&]<typename Index>() {
            launch_kernel(&move_heads<Index, kSplit>, grid_for(layout.elements), dim3(kBlockThreads),
                          call.stream.stream, kSplit ? "split_heads" : "merge_heads", call.input<float>(0),
                          call.output<float>(0), layout.elements, layout.width, layout.steps, layout.heads);
        });
    });
}

std::unique_ptr<Kernel> make_spread_mode(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const std::int64_t elements = problem.outputs[0].elements();
    const std::int64_t groups = problem.integer("groups");
    const std::int64_t outer = problem.integer("outer");
    const std::int64_t inner = problem.integer("inner");
    const std::int64_t size = problem.inputs[0].elements() / groups;
    return function_kernel({}, [elements, groups, outer, inner, size](const KernelArguments& call) {
        if (elements == 0) return;
        with_index(elements, [&]<typename Index>() {
            launch_kernel(&spread_values<Index>, grid_for(elements), dim3(kBlockThreads), call.stream.stream,
                          "spread_mode", call.input<float>(0), call.output<float>(0), elements, inner, size, outer,
                          groups);
        });
    });
}

}  // namespace

void register_rearrangement(KernelRegistry& registry) {
    registry.add("split_heads", &make_move_heads<true>);
    registry.add("merge_heads", &make_move_heads<false>);
    registry.add("spread_mode", &make_spread_mode);
}

}  // namespace tensile::cuda
