// dropout and dropout_gradient: the same masks as the engine's CPU kernels, bit for bit, because both are the same pure
// function of (seed, stream, element): Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011), as tensor/random.h and graph/ops/dropout.h of the engine use it.
#include <cmath>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/elementwise.h"

namespace tensile::cuda {

namespace {

struct RandomWords {
    std::uint32_t words[4];
};

__device__ RandomWords philox(std::uint64_t key, std::uint64_t block, std::uint64_t stream) {
    auto word0 = static_cast<std::uint32_t>(block);
    auto word1 = static_cast<std::uint32_t>(block >> 32);
    auto word2 = static_cast<std::uint32_t>(stream);
    auto word3 = static_cast<std::uint32_t>(stream >> 32);
    auto low_key = static_cast<std::uint32_t>(key);
    auto high_key = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t first = std::uint64_t{0xD2511F53U} * word0;
        const std::uint64_t second = std::uint64_t{0xCD9E8D57U} * word2;
        word0 = static_cast<std::uint32_t>(second >> 32) ^ word1 ^ low_key;
        word1 = static_cast<std::uint32_t>(second);
        word2 = static_cast<std::uint32_t>(first >> 32) ^ word3 ^ high_key;
        word3 = static_cast<std::uint32_t>(first);
        low_key += 0x9E3779B9U;
        high_key += 0xBB67AE85U;
    }
    return {{word0, word1, word2, word3}};
}

// What is known when the op is prepared.
struct Mask {
    std::uint64_t stream;     // in its place in the upper half of Philox's counter
    std::uint32_t threshold;  // elements whose upper 24 random bits are below are dropped
    float factor;             // of the others
};

// A thread computes the numbers of four neighbouring elements at once.
__global__ void apply_mask(Mask mask, const std::int64_t* rng, std::int64_t count, bool by_vector, const float* x,
                           float* y) {
    const auto seed = static_cast<std::uint64_t>(__ldg(rng));
    const std::uint64_t stream = (std::uint64_t{1} << 63) | (mask.stream ^ static_cast<std::uint64_t>(__ldg(rng + 1)));
    const std::int64_t blocks = (count + kVectorElements - 1) / kVectorElements;
    for (std::int64_t block = grid_thread(); block < blocks; block += grid_threads()) {
        const RandomWords random = philox(seed, static_cast<std::uint64_t>(block), stream);
        const auto masked = [&](float value, int word) {
            return (random.words[word] >> 8) >= mask.threshold ? value * mask.factor : 0;
        };
        const std::int64_t first = block * kVectorElements;
        if (by_vector && first + kVectorElements <= count) {
            auto values = reinterpret_cast<const Vector<float, kVectorElements>*>(x)[block];
            for (int i = 0; i < kVectorElements; ++i)
                values.values[i] = masked(values.values[i], i);
            reinterpret_cast<Vector<float, kVectorElements>*>(y)[block] = values;
        } else {
            for (int i = 0; i < kVectorElements; ++i)
                if (first + i < count) y[first + i] = masked(x[first + i], i);
        }
    }
}

class DropoutKernel final : public Kernel {
  public:
    explicit DropoutKernel(const OpProblem& problem) : type_(problem.outputs[0]) {
        const double rate = problem.number("rate");
        mask_.stream = static_cast<std::uint64_t>(problem.integer("stream")) << 48;
        mask_.threshold = static_cast<std::uint32_t>(std::ceil(rate * 16777216.0));
        mask_.factor = static_cast<float>(1 / (1 - rate));
    }

    std::uint64_t overwritable_inputs() const override { return 1; }

    void launch(const KernelArguments& arguments) const override {
        const std::int64_t count = type_.present_elements(arguments.extents);
        if (count == 0) return;
        const auto* x = arguments.input<float>(0);
        auto* y = arguments.output<float>(0);
        launch_kernel(&apply_mask, grid_for((count + kVectorElements - 1) / kVectorElements), dim3(kBlockThreads),
                      arguments.stream.stream, "dropout", mask_, arguments.input<std::int64_t>(1), count,
                      is_vector_aligned(x) && is_vector_aligned(y), x, y);
    }

  private:
    TensorType type_;
    Mask mask_;
};

}  // namespace

void register_dropout(KernelRegistry& registry) {
    registry.add("dropout", &make_float32<DropoutKernel>);
    registry.add("dropout_gradient", &make_float32<DropoutKernel>);
}

}  // namespace tensile::cuda
