// Kernels of ops that compute each element of their only output from the elements at the same place: an op is a functor
// `__device__ Out operator()(In... x) const` of at most a few words, copied into the launch. What the functor needs
// beside elements it takes from the problem in its constructor (attributes), or from the operands of a launch in
// `Functor bind(const KernelArguments&) const` (a scalar in device memory).
//
// An element may be computed with its neighbours or alone, by what is aligned and how many there are. So that it gets
// the same bits, functors of forward programs leave the compiler no choice: they say fmaf where product and sum are
// one.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "cuda/kernel.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/grid_walk.h"
#include "cuda/launch.h"

namespace tensile::cuda {

// Base of the functor of an op that updates input 0 in place (graph/op.h: aliases).
struct UpdateInPlace {};

template <typename Out, typename Functor, typename... In>
__device__ void map_vector(const Functor& functor, Vector<Out, kVectorElements>& y,
                           const Vector<In, kVectorElements>&... x) {
    for (int i = 0; i < kVectorElements; ++i)
        y.values[i] = functor(x.values[i]...);
}

// An output may lie in the buffer of an input with elements of the same size: a thread has read an element of every
// input before it writes that of the output.
template <typename Out, typename Functor, typename... In>
__global__ void map_elements(Functor functor, std::int64_t count, bool by_vector, Out* y, const In*... x) {
    const std::int64_t vectors = by_vector ? count / kVectorElements : 0;
    for (std::int64_t i = grid_thread(); i < vectors; i += grid_threads()) {
        Vector<Out, kVectorElements> result;
        map_vector<Out, Functor, In...>(functor, result, reinterpret_cast<const Vector<In, kVectorElements>*>(x)[i]...);
        reinterpret_cast<Vector<Out, kVectorElements>*>(y)[i] = result;
    }
    for (std::int64_t i = vectors * kVectorElements + grid_thread(); i < count; i += grid_threads())
        y[i] = functor(x[i]...);
}

// Elements of inputs 0, 1, ... (one for each In) to the present elements of output 0.
template <typename Functor, typename Out, typename... In>
class ElementwiseKernel final : public Kernel {
  public:
    explicit ElementwiseKernel(const OpProblem& problem)
        : name_(problem.name), type_(problem.outputs[0]), functor_(make_functor(problem)) {}

    std::uint64_t overwritable_inputs() const override {
        // The place of an update's output is settled.
        if constexpr (std::is_base_of_v<UpdateInPlace, Functor>) return 0;
        std::uint64_t bits = 0;
        int input = 0;
        ((bits |= std::uint64_t{sizeof(In) == sizeof(Out)} << input++), ...);
        return bits;
    }

    void launch(const KernelArguments& arguments) const override {
        launch_on(arguments, std::index_sequence_for<In...>());
    }

  private:
    static Functor make_functor(const OpProblem& problem) {
        if constexpr (std::constructible_from<Functor, const OpProblem&>) {
            return Functor(problem);
        } else {
            return Functor();
        }
    }

    template <std::size_t... kInput>
    void launch_on(const KernelArguments& arguments, std::index_sequence<kInput...>) const {
        const std::int64_t count = type_.present_elements(arguments.extents);
        if (count == 0) return;
        auto* y = arguments.output<Out>(0);
        const bool by_vector = (is_vector_aligned(y) && ... && is_vector_aligned(arguments.input<In>(kInput)));
        void (*const kernel)(Functor, std::int64_t, bool, Out*, const In*...) = &map_elements<Out, Functor, In...>;
        launch_kernel(kernel, grid_for(by_vector ? count / kVectorElements : count), dim3(kBlockThreads),
                      arguments.stream.stream, name_.c_str(), bound(arguments), count, by_vector, y,
                      arguments.input<In>(kInput)...);
    }

    Functor bound(const KernelArguments& arguments) const {
        if constexpr (requires { functor_.bind(arguments); }) {
            return functor_.bind(arguments);
        } else {
            return functor_;
        }
    }

    std::string name_;
    TensorType type_;
    Functor functor_;
};

// For the registry: an op of float32 elements, as many as the functor takes.
template <typename Functor>
std::unique_ptr<Kernel> make_elementwise(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    if constexpr (std::is_invocable_v<Functor>) {
        return std::make_unique<ElementwiseKernel<Functor, float>>(problem);
    } else if constexpr (std::is_invocable_v<Functor, float>) {
        return std::make_unique<ElementwiseKernel<Functor, float, float>>(problem);
    } else {
        return std::make_unique<ElementwiseKernel<Functor, float, float, float>>(problem);
    }
}

}  // namespace tensile::cuda
