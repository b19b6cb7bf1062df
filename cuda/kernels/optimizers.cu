// Steps of the optimizers, dense and for merged row-sparse gradients: one pass over the parameter and its state, in
// place. Both forms share the arithmetic of one element, so that a row is updated alike by either. Equations:
// graph/ops/adam.h and graph/ops/sgd_momentum.h of the engine.
#include <array>
#include <cmath>
#include <string>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

// Layout of the step tensor: AdamStep of graph/ops/adam.h.
enum AdamStep : int {
    kLearningRate,
    kBeta1,
    kBeta2,
    kEpsilon,
    kWeightDecay,
    kCorrection1,
    kCorrection2,
};

// An update of one element: kStates tensors in place, the parameter first. Its settings are read from device memory
// once a thread.
class AdamUpdate {
  public:
    static constexpr int kStates = 3;  // parameter, first moment, second moment

    struct Settings {
        const float* step;
        const float* gradient_scale;
        bool decoupled;

        Settings(const OpProblem& problem, const KernelArguments& arguments, int first_input)
            : step(arguments.input<float>(first_input)),
              gradient_scale(arguments.input<float>(first_input + 1)),
              decoupled(problem.flag("decoupled")) {}
    };

    __device__ explicit AdamUpdate(const Settings& settings)
        : beta1_(settings.step[kBeta1]),
          beta2_(settings.step[kBeta2]),
          epsilon_(settings.step[kEpsilon]),
          gradient_scale_(*settings.gradient_scale),
          decay_(settings.decoupled ? 0 : settings.step[kWeightDecay]),
          shrink_(settings.decoupled ? 1 - settings.step[kLearningRate] * settings.step[kWeightDecay] : 1),
          length_(settings.step[kLearningRate] / settings.step[kCorrection1]),
          second_scale_(1 / settings.step[kCorrection2]) {}

    __device__ void apply(float (&state)[kStates], float gradient) const {
        auto& [parameter, first, second] = state;
        const float g = gradient_scale_ * gradient + decay_ * parameter;
        first = beta1_ * first + (1 - beta1_) * g;
        second = beta2_ * second + (1 - beta2_) * g * g;
        const float deviation = sqrtf(second * second_scale_) + epsilon_;
        parameter = shrink_ * parameter - length_ * first / deviation;
    }

  private:
    float beta1_;
    float beta2_;
    float epsilon_;
    float gradient_scale_;
    float decay_;
    float shrink_;
    float length_;
    float second_scale_;
};

class SgdUpdate {
  public:
    static constexpr int kStates = 2;  // parameter, velocity

    struct Settings {
        const float* learning_rate;
        const float* momentum;
        const float* weight_decay;
        const float* gradient_scale;

        Settings(const OpProblem&, const KernelArguments& arguments, int first_input)
            : learning_rate(arguments.input<float>(first_input)),
              momentum(arguments.input<float>(first_input + 1)),
              weight_decay(arguments.input<float>(first_input + 2)),
              gradient_scale(arguments.input<float>(first_input + 3)) {}
    };

    __device__ explicit SgdUpdate(const Settings& settings)
        : learning_rate_(*settings.learning_rate),
          momentum_(*settings.momentum),
          weight_decay_(*settings.weight_decay),
          gradient_scale_(*settings.gradient_scale) {}

    __device__ void apply(float (&state)[kStates], float gradient) const {
        auto& [parameter, velocity] = state;
        velocity = momentum_ * velocity + (gradient_scale_ * gradient + weight_decay_ * parameter);
        parameter -= learning_rate_ * velocity;
    }

  private:
    float learning_rate_;
    float momentum_;
    float weight_decay_;
    float gradient_scale_;
};

template <int kCount>
struct StatePointers {
    float* tensors[kCount];
};

// Vector `at` of the states by vector `gradient_at` of the gradient.
template <int kElements, typename Update>
__device__ void update_vector(const Update& update, const StatePointers<Update::kStates>& states, std::int64_t at,
                              const float* gradient, std::int64_t gradient_at) {
    using Elements = Vector<float, kElements>;
    Elements values[Update::kStates];
    for (int s = 0; s < Update::kStates; ++s)
        values[s] = reinterpret_cast<const Elements*>(states.tensors[s])[at];
    const Elements slope = reinterpret_cast<const Elements*>(gradient)[gradient_at];
    for (int i = 0; i < kElements; ++i) {
        float state[Update::kStates];
        for (int s = 0; s < Update::kStates; ++s)
            state[s] = values[s].values[i];
        update.apply(state, slope.values[i]);
        for (int s = 0; s < Update::kStates; ++s)
            values[s].values[i] = state[s];
    }
    for (int s = 0; s < Update::kStates; ++s)
        reinterpret_cast<Elements*>(states.tensors[s])[at] = values[s];
}

template <typename Update>
__global__ void update_elements(typename Update::Settings settings, StatePointers<Update::kStates> states,
                                const float* gradient, std::int64_t count, bool by_vector) {
    const Update update(settings);
    const std::int64_t vectors = by_vector ? count / kVectorElements : 0;
    for (std::int64_t i = grid_thread(); i < vectors; i += grid_threads())
        update_vector<kVectorElements>(update, states, i, gradient, i);
    for (std::int64_t i = vectors * kVectorElements + grid_thread(); i < count; i += grid_threads())
        update_vector<1>(update, states, i, gradient, i);
}

// Indices are unique, so no two threads share an element.
template <typename Update, int kElements>
__global__ void update_rows(typename Update::Settings settings, StatePointers<Update::kStates> states,
                            std::int64_t table_rows, const float* rows, const std::int32_t* indices, std::int64_t slots,
                            std::int64_t vectors) {
    const Update update(settings);
    for (RowWalk at(vectors); at.row < slots; at.advance()) {
        const std::int64_t row = __ldg(indices + at.row);
        if (row >= 0 && row < table_rows)
            update_vector<kElements>(update, states, row * vectors + at.column, rows, at.row * vectors + at.column);
    }
}

// The states of a launch: all outputs, which lie in the buffers of the inputs they replace.
template <typename Update>
StatePointers<Update::kStates> states_of(const KernelArguments& arguments) {
    StatePointers<Update::kStates> states;
    for (int i = 0; i < Update::kStates; ++i)
        states.tensors[i] = arguments.output<float>(i);
    return states;
}

template <int kCount>
bool is_aligned(const StatePointers<kCount>& states) {
    bool aligned = true;
    for (const float* tensor : states.tensors)
        aligned = aligned && is_vector_aligned(tensor);
    return aligned;
}

// Inputs: parameter, gradient, the other states, settings.
template <typename Update>
class DenseUpdateKernel final : public Kernel {
  public:
    explicit DenseUpdateKernel(const OpProblem& problem) : problem_(problem) {}

    void launch(const KernelArguments& arguments) const override {
        const std::int64_t count = problem_.outputs[0].present_elements(arguments.extents);
        if (count == 0) return;
        const auto states = states_of<Update>(arguments);
        const auto* gradient = arguments.input<float>(1);
        const bool by_vector = is_aligned(states) && is_vector_aligned(gradient);
        launch_kernel(&update_elements<Update>, grid_for(by_vector ? count / kVectorElements : count),
                      dim3(kBlockThreads), arguments.stream.stream, problem_.name.c_str(),
                      typename Update::Settings(problem_, arguments, Update::kStates + 1), states, gradient, count,
                      by_vector);
    }

  private:
    OpProblem problem_;
};

// Inputs: parameter, rows, indices, the other states, settings.
template <typename Update>
class RowUpdateKernel final : public Kernel {
  public:
    explicit RowUpdateKernel(const OpProblem& problem) : problem_(problem) {}

    void launch(const KernelArguments& arguments) const override {
        const auto states = states_of<Update>(arguments);
        const bool by_vector = problem_.inputs[1].row_width() % kVectorElements == 0 && is_aligned(states) &&
                               is_vector_aligned(arguments.input<float>(1));
        by_vector ? launch_by<kVectorElements>(arguments, states) : launch_by<1>(arguments, states);
    }

  private:
    template <int kElements>
    void launch_by(const KernelArguments& arguments, const StatePointers<Update::kStates>& states) const {
        const std::int64_t slots = problem_.inputs[1].rows();
        const std::int64_t vectors = problem_.inputs[1].row_width() / kElements;
        if (slots * vectors == 0) return;
        launch_kernel(
            &update_rows<Update, kElements>, grid_for(slots * vectors), dim3(kBlockThreads), arguments.stream.stream,
            problem_.name.c_str(), typename Update::Settings(problem_, arguments, Update::kStates + 2), states,
            problem_.inputs[0].rows(), arguments.input<float>(1), arguments.input<std::int32_t>(2), slots, vectors);
    }

    OpProblem problem_;
};

}  // namespace

void register_optimizers(KernelRegistry& registry) {
    registry.add("adam", &make_float32<DenseUpdateKernel<AdamUpdate>>);
    registry.add("adam_rows", &make_float32<RowUpdateKernel<AdamUpdate>>);
    registry.add("sgd_momentum", &make_float32<DenseUpdateKernel<SgdUpdate>>);
    registry.add("sgd_momentum_rows", &make_float32<RowUpdateKernel<SgdUpdate>>);
}

}  // namespace tensile::cuda
