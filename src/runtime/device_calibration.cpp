// Small programs that are timed op by op; see device_calibration.h.
#include "runtime/device_calibration.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "graph/ops/add.h"
#include "graph/ops/matmul.h"
#include "planner/plan.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

// Edge of the square product: large enough to be bound by arithmetic, small enough for a millisecond on one core.
constexpr std::int64_t kProductEdge = 256;
// Rows and columns of the sum: 12 MiB of traffic, beyond the caches of one core.
constexpr std::int64_t kSumRows = 1024;
constexpr std::int64_t kSumColumns = 1024;
// On an asynchronous device, which may be far quicker, both are doubled up to so many times, until a run takes as long
// as this: then neither its launch nor its end counts.
constexpr int kDoublings = 4;
constexpr double kLongEnough = 1e-3;
// Launches one after another by which such a device's overhead of one is measured.
constexpr int kLaunches = 64;
// The quickest of a few runs is the one that nothing disturbed; a slow device is not asked for all of them.
constexpr int kRuns = 8;
constexpr std::chrono::milliseconds kPatience(3);

Program product(std::int64_t edge) {
    ProgramBuilder builder("calibration_product");
    const TensorType type{DType::kF32, Shape{edge, edge}};
    const ValueId a = builder.input("a", type);
    const ValueId b = builder.input("b", type);
    builder.output("y", ops::matmul(builder, a, b));
    return builder.finish();
}

Program sum(std::int64_t rows, std::int64_t columns) {
    ProgramBuilder builder("calibration_sum");
    const TensorType type{DType::kF32, Shape{rows, columns}};
    const ValueId a = builder.input("a", type);
    const ValueId b = builder.input("b", type);
    builder.output("y", ops::add(builder, a, b));
    return builder.finish();
}

struct Timing {
    double seconds = 0;  // of all ops of the program; 0: there was no memory for it
    double flops = 0;
    double bytes = 0;
};

class Calibration {
  public:
    Calibration(Device& device, TensorPool& pool)
        : device_(device),
          pool_(pool),
          stream_(device.create_stream(StreamClass::kCompute, StreamPriority::kTraining)) {}

    // Of `repetitions` runs one after another the mean.
    Timing time(const Program& program, int repetitions = 1) {
        Timing timing;
        const std::unique_ptr<Executable> executable = device_.lower(program, {});
        const LoweredProgram& lowered = executable->lowered();
        std::uint64_t bytes = 0;
        for (const LoweredTensor& tensor : lowered.tensors)
            bytes += aligned_size(tensor.bytes);
        const Extent extent = pool_.try_acquire(bytes, {0, 0, "calibrate", program.name()});
        if (!extent) return timing;
        const std::vector<std::byte*> addresses = place(lowered, extent);
        const std::unique_ptr<Binding> binding = executable->bind(addresses);
        const auto run_once = [&] { return run(*binding, lowered.ops.size(), repetitions); };
        run_once();  // the first run touches pages and prepares threads
        timing.seconds = run_once();
        const Clock::time_point end = Clock::now() + kPatience;
        for (int i = 1; i < kRuns && Clock::now() < end; ++i)
            timing.seconds = std::min(timing.seconds, run_once());
        for (const LoweredOp& op : lowered.ops) {
            timing.flops += op.flops;
            timing.bytes += op.bytes;
        }
        return timing;
    }

    // Of the greatest program(scale) that is worth it, for scales of 1, 2, 4 and so on.
    template <typename MakeProgram>
    Timing time_growing(const MakeProgram& program) {
        Timing timing = time(program(1));
        for (int doubling = 1; !device_.is_synchronous() && doubling <= kDoublings; ++doubling) {
            if (timing.seconds == 0 || timing.seconds >= kLongEnough) break;
            const Timing larger = time(program(std::int64_t{1} << doubling));
            if (larger.seconds == 0) break;  // no memory for it
            timing = larger;
        }
        return timing;
    }
    int launch_repetitions() const { return device_.is_synchronous() ? 1 : kLaunches; }

  private:
    // One tensor after the other, inputs cleared: what undefined bytes stand for may be slow to compute with.
    std::vector<std::byte*> place(const LoweredProgram& lowered, const Extent& extent) {
        std::vector<std::byte*> addresses;
        std::byte* next = extent.data();
        std::vector<std::byte> zeros;
        for (const LoweredTensor& tensor : lowered.tensors) {
            addresses.push_back(next);
            if (tensor.kind == LoweredKind::kInput) {
                zeros.resize(std::max<std::size_t>(zeros.size(), tensor.bytes));
                stream_->copy(next, zeros.data(), tensor.bytes);
                stream_->synchronize();
            }
            next += aligned_size(tensor.bytes);
        }
        return addresses;
    }

    double run(Binding& binding, std::size_t ops, int repetitions) {
        const Clock::time_point begin = Clock::now();
        for (int i = 0; i < repetitions; ++i)
            for (std::size_t op = 0; op < ops; ++op)
                stream_->launch(binding, static_cast<int>(op), {});
        stream_->synchronize();
        return std::chrono::duration<double>(Clock::now() - begin).count() / repetitions;
    }

    Device& device_;
    TensorPool& pool_;
    std::unique_ptr<Stream> stream_;
};

}  // namespace

DeviceRates measure_rates(Device& device, TensorPool& pool) {
    DeviceRates rates;
    Calibration calibration(device, pool);
    if (const Timing timing =
            calibration.time_growing([](std::int64_t scale) { return product(scale * kProductEdge); });
        timing.seconds > 0)
        rates.flops_per_second = timing.flops / timing.seconds;
    if (const Timing timing =
            calibration.time_growing([](std::int64_t scale) { return sum(scale * kSumRows, kSumColumns); });
        timing.seconds > 0)
        rates.bytes_per_second = timing.bytes / timing.seconds;
    if (const Timing timing = calibration.time(sum(1, 1), calibration.launch_repetitions()); timing.seconds > 0)
        rates.launch_seconds = timing.seconds;
    return rates;
}

}  // namespace tensile
