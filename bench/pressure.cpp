// Trainings that do not fit the pool, on a real spill file in this process: no server, no protocol. Prints what the
// modes measure; docs/benchmarks.md says what was aimed at.
//
// Usage: pressure train NETWORK PERCENT STEPS [DIRECTORY]     one training in a pool of that part of its need, twice
//        pressure least NETWORK IMAGES                        least memory of a full-size network (resnet, vgg) with
//        Adam pressure cancel TIMES [DIRECTORY]                    stops at random moments under pressure pressure
//        predictions SECONDS ROUNDS [DIRECTORY]      bursts of predictions alone, beside two trainings in
//                                                             place, and beside two under pressure
// NETWORK: mlp, resnet or vgg. DIRECTORY: of the spill file; the working directory when not given.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/matmul.h"
#include "graph/ops/relu.h"
#include "measure.h"
#include "memory/extent_allocator.h"
#include "memory/tensor_pool.h"
#include "models/networks/image_networks.h"
#include "models/networks/wide_mlp_network.h"
#include "runtime/arbiter.h"
#include "runtime/device_calibration.h"
#include "runtime/inference.h"
#include "runtime/job_layout.h"
#include "runtime/job_runner.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace {

using namespace tensile;
using bench::Samples;
using bench::Stopwatch;

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::uint64_t kSpillLimit = std::uint64_t{8} << 30;
constexpr int kThreads = 2;
const PoolOwner kOwner{1, 100, "train", "pressure"};

double mebibytes(std::uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(kMebibyte);
}

// Runs the one program of a job `steps` times over batches that are a function of the step.
class BatchDriver final : public Driver {
  public:
    BatchDriver(const Program& program, const OptimizerSettings& settings, int steps, std::int64_t classes)
        : optimizer_(settings), steps_(steps), classes_(classes), noise_(kNoise) {
        for (const ValueId id : program.inputs())
            names_.push_back(program.value(id).name);
        for (std::size_t i = 0; i < kNoise; ++i)
            noise_[i] = static_cast<float>(2 * random_uniform(3, 0, i) - 1);
    }
    std::optional<int> next() override { return step_ == steps_ ? std::nullopt : std::optional(0); }
    void feed(int, Feeds feeds) override {
        for (std::size_t i = 0; i < names_.size(); ++i)
            fill(names_[i], feeds.inputs[i]);
        for (std::int64_t& extent : feeds.extents)
            extent = feeds.inputs[0].type.shape.rows();
    }
    // All is written by feed().
    std::int64_t feed_row_count(int) const override { return 1; }
    void feed_rows(int, Feeds, std::int64_t, std::int64_t) const noexcept override {}
    void observe(int, std::span<const TensorView>) override { ++step_; }
    std::string save_state() const override { return std::to_string(step_); }
    void restore_state(const std::string& state) override { step_ = std::stoi(state); }

  private:
    static constexpr std::size_t kNoise = 1 << 16;

    void fill(const std::string& name, const TensorView& view) const {
        const std::int64_t count = view.type.shape.elements();
        if (name == "step" || name == "decaying_step")
            return optimizer_.write_step(view.as<float>(), 0.001, step_, name == "decaying_step");
        for (std::int64_t i = 0; i < count; ++i) {
            if (name == "random")
                view.as<std::int64_t>()[i] = i == 0 ? 7 : step_;
            else if (view.type.dtype == DType::kI32)
                view.as<std::int32_t>()[i] = static_cast<std::int32_t>((7 * i + step_) % classes_);
            else
                view.as<float>()[i] =
                    name == "row_weight" ? 1 : noise_[static_cast<std::size_t>(i + 101 * step_) % kNoise];
        }
    }

    Optimizer optimizer_;
    std::int64_t step_ = 0;
    std::int64_t steps_;
    std::int64_t classes_;
    std::vector<std::string> names_;
    std::vector<float> noise_;
};

Job make_job(Program program, std::vector<Variable> variables, const OptimizerSettings& settings, int steps,
             std::int64_t classes) {
    Job job;
    job.driver = std::make_unique<BatchDriver>(program, settings, steps, classes);
    job.variables = std::move(variables);
    job.programs.push_back(std::move(program));
    return job;
}

Job make_mlp(const WideMlpOptions& options, int steps) {
    TrainingNetwork network = wide_mlp_network(options);
    return make_job(std::move(network.program), std::move(network.variables), options.optimizer, steps,
                    options.classes);
}

Job make_network(std::string_view name, int steps) {
    const OptimizerSettings settings{.kind = OptimizerKind::kSgd, .momentum = 0.9};
    if (name == "mlp")
        return make_mlp({.batch = 8192, .inputs = 64, .layers = 32, .width = 256, .optimizer = settings}, steps);
    if (name != "resnet" && name != "vgg") throw Error("22023", "no such network: " + std::string(name));
    const auto training = name == "resnet" ? &resnet_50_training : &vgg_16_training;
    const ImageNetworkShape shape{.images = 192, .pixels = 64, .width = 0.25, .classes = 100, .seed = 1};
    ImageNetworkTraining network = training(shape, settings);
    return make_job(std::move(network.program), std::move(network.variables), settings, steps, shape.classes);
}

// Of the latest plan; a planner is a pair of plain functions, which can keep nothing elsewhere.
struct Prediction {
    double step_seconds = 0;
    double in_place_seconds = 0;
    double plan_seconds = 0;
};
Prediction latest_prediction;

std::optional<JobPlan> recording_plan_job(const JobRequest& request, std::uint64_t budget) {
    const Stopwatch watch;
    std::optional<JobPlan> plan = plan_job(request, budget);
    latest_prediction.plan_seconds = watch.seconds();
    if (plan) {
        latest_prediction.step_seconds = plan->step_seconds;
        const std::optional<JobPlan> in_place = plan_job(request, comfortable_bytes(request));
        latest_prediction.in_place_seconds = in_place ? in_place->step_seconds : 0;
    }
    return plan;
}

// The engine as far as jobs need it.
struct Memory {
    Memory(std::uint64_t pool_bytes, const std::string& directory, JobPlanner planner)
        : pool(device, pool_bytes), memory(pool, directory, kSpillLimit, planner, measure_rates(device, pool)) {}

    bool is_empty() const { return pool.summary().used == 0 && memory.spill.used() == 0 && memory.steps.bytes() == 0; }

    CpuDevice device{kThreads};
    Arbiter arbiter{device};
    TensorPool pool;
    JobMemory memory;
};

// A pool with room for exactly that part of a job.
std::uint64_t pool_bytes(std::uint64_t need, double percent) {
    const std::uint64_t rounding = 2 * ExtentAllocator::kSmallGranule;
    return static_cast<std::uint64_t>(static_cast<double>(need) * percent / 100) / rounding * rounding + 2 * rounding;
}

std::uint64_t need_of(Job& job) {
    CpuDevice device(1);
    Arbiter arbiter(device);
    return JobRunner(device, arbiter, job, "need").extent_bytes();
}

// A line of /proc/self/status in bytes.
std::uint64_t status_bytes(std::string_view key) {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word)
        if (word == key) {
            std::uint64_t kilobytes = 0;
            status >> kilobytes;
            return kilobytes * 1024;
        }
    return 0;
}

// Bytes of this process's nameless files (the spill file) that lie in the page cache.
std::uint64_t cached_spill_bytes() {
    std::uint64_t cached = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
        if (!target.ends_with(" (deleted)")) continue;
        const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        struct stat facts {};
        if (file < 0 || ::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
            if (file >= 0) ::close(file);
            continue;
        }
        const auto size = static_cast<std::size_t>(facts.st_size);
        void* const view = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
        ::close(file);
        if (view == MAP_FAILED) continue;
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        std::vector<unsigned char> pages((size + page - 1) / page);
        if (::mincore(view, size, pages.data()) == 0)
            for (const unsigned char flags : pages)
                cached += (flags & 1) * page;
        ::munmap(view, size);
    }
    return cached;
}

// FNV-1a over all variables.
std::uint64_t digest_of(JobRunner& runner, const Job& job) {
    std::uint64_t digest = 0xcbf29ce484222325;
    std::vector<std::byte> content;
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        content.resize(job.variables[i].type.bytes());
        runner.read_variable(static_cast<int>(i), content);
        for (const std::byte byte : content)
            digest = (digest ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
    }
    return digest;
}

void train(std::string_view network, double percent, int steps, const std::string& directory) {
    Job sample = make_network(network, 0);
    const std::uint64_t need = need_of(sample);
    Memory engine(pool_bytes(need, percent), directory, {minimum_bytes, recording_plan_job});
    const std::uint64_t before = status_bytes("VmHWM:");
    // The second time with the op times that the first one has measured.
    for (const char* const round : {"cold", "learned"}) {
        Job job = make_network(network, steps);
        JobRunner runner(engine.device, engine.arbiter, job, "pressure");
        latest_prediction = {};
        const Stopwatch admission;
        runner.admit(engine.memory, kOwner, std::nullopt, nullptr);
        const double admitted = admission.seconds();
        Samples times;
        Stopwatch step;
        const Stopwatch whole;
        runner.run(nullptr, [&] {
            times.add(step.seconds());
            step = Stopwatch();
        });
        const double total = whole.seconds();
        const std::uint64_t high_water = status_bytes("VmHWM:");
        const std::uint64_t cached = cached_spill_bytes();
        const JobUsage usage = runner.usage();
        std::printf(
            "%s %3.0f%% %-7s need %.0f pool %.0f used %.0f spill %.0f MiB; step min %.3f median %.3f max %.3f s; "
            "predicted %.3f s "
            "(in place %.3f); out %.0f in %.0f MiB/step; stall %.3f recompute %.3f s/step; admission %.3f s (plan "
            "%.3f); total %.2f "
            "s; "
            "VmHWM %.0f MiB (before %.0f); spill in page cache %.2f MiB; digest %016llx\n",
            std::string(network).c_str(), percent, round, mebibytes(need), mebibytes(engine.pool.summary().size),
            mebibytes(engine.pool.summary().high_water), mebibytes(usage.host_bytes), times.quantile(0),
            times.quantile(0.5), times.quantile(1), latest_prediction.step_seconds, latest_prediction.in_place_seconds,
            mebibytes(usage.moved.out_bytes) / steps, mebibytes(usage.moved.in_bytes) / steps,
            usage.moved.stall_seconds / steps, usage.moved.recompute_seconds / steps, admitted,
            latest_prediction.plan_seconds, total, mebibytes(high_water), mebibytes(before), mebibytes(cached),
            static_cast<unsigned long long>(digest_of(runner, job)));
        std::fflush(stdout);
    }
    const LinkModel link = engine.memory.link.model();
    std::printf("link: in %.0f out %.0f both %.0f MiB/s\n", link.in_bytes_per_second / static_cast<double>(kMebibyte),
                link.out_bytes_per_second / static_cast<double>(kMebibyte),
                link.total_bytes_per_second / static_cast<double>(kMebibyte));
}

// Plans only; nothing is trained.
void least(std::string_view network, std::int64_t images) {
    const OptimizerSettings settings{.kind = OptimizerKind::kAdam};
    const ImageNetworkShape shape{.images = images, .seed = 1};
    ImageNetworkTraining training =
        network == "resnet" ? resnet_50_training(shape, settings) : vgg_16_training(shape, settings);
    Job job = make_job(std::move(training.program), std::move(training.variables), settings, 0, shape.classes);
    Memory engine(64 * kMebibyte, ".", {minimum_bytes, plan_job});
    for (const bool slices : {false, true}) {
        LoweringOptions options{.batch_invariant = false, .split_chains = true};
        if (slices) options = sliced(options, job, job.programs[0]);
        std::vector<JobProgram> programs{{prepare_program(engine.device, job.programs[0], options), {}}};
        const std::vector<VariablePiece> pieces = assign_pieces(job, programs);
        const JobLayout in_place = lay_out_in_place(programs, pieces);
        const JobQuestion question(programs, pieces, LinkModel{1e9, 1e9, 1e9, 1e-4}, engine.memory.costs);
        const std::uint64_t bytes = minimum_bytes(question.request());
        std::printf("%s, %lld images, state %s: %zu ops, %zu pieces; in place %.0f MiB, least %.0f MiB (%.1f %%)\n",
                    std::string(network).c_str(), static_cast<long long>(images), slices ? "in slices" : "whole",
                    programs[0].planned->executable->lowered().ops.size(), pieces.size(),
                    mebibytes(in_place.extent_bytes()), mebibytes(bytes),
                    100 * static_cast<double>(bytes) / static_cast<double>(in_place.extent_bytes()));
    }
}

// A job of a few tens of MiB and milliseconds a step that never ends by itself.
Job make_small_job() {
    return make_mlp({.batch = 4096,
                     .inputs = 32,
                     .layers = 24,
                     .width = 96,
                     .optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9}},
                    1 << 30);
}

void cancel(int times, const std::string& directory) {
    Job sample = make_small_job();
    const std::uint64_t need = need_of(sample);
    Memory engine(pool_bytes(need, 25), directory, {minimum_bytes, plan_job});
    Samples returned;
    Samples reusable;
    int leaks = 0;
    int stopped_running = 0;
    int busy = 0;
    for (int i = 0; i < times; ++i) {
        StopFlag stop{false};
        Stopwatch since;
        Job job = make_small_job();
        std::optional<JobRunner> runner(std::in_place, engine.device, engine.arbiter, job, "cancel");
        std::jthread stopper([&] {
            std::this_thread::sleep_for(
                std::chrono::microseconds(random_below(5, 0, static_cast<std::uint64_t>(i), 250000)));
            since = Stopwatch();
            stop = true;
            engine.pool.wake();
            engine.arbiter.wake();
        });
        bool is_running = false;
        try {
            runner->admit(engine.memory, kOwner, std::nullopt, &stop);
            is_running = true;
            runner->run(&stop, {});
        } catch (const Error& error) {
            if (error.sqlstate() != sqlstate::kQueryCanceled) throw;
        }
        stopper.join();
        if (is_running) {
            returned.add(since.seconds() * 1000);
            ++stopped_running;
        }
        runner.reset();
        reusable.add(since.seconds() * 1000);
        leaks += engine.is_empty() ? 0 : 1;
        busy += engine.pool.try_acquire(engine.pool.summary().size, kOwner) ? 0 : 1;
    }
    std::printf("need %.0f MiB, pool %.0f MiB, %d stops, %d of them between the first step and the last\n",
                mebibytes(need), mebibytes(engine.pool.summary().size), times, stopped_running);
    returned.print("stop flag to return of run()", "ms");
    reusable.print("stop flag to the whole pool free", "ms");
    std::printf("with bytes left: %d; whole pool not to be had at once: %d\n", leaks, busy);
    // And a job runs to its end afterwards, with the bits of one that has room.
    std::array<std::uint64_t, 2> digests{};
    for (std::size_t i = 0; i < digests.size(); ++i) {
        Memory room(2 * need, directory, {minimum_bytes, plan_job});
        Memory& used = i == 0 ? engine : room;
        Job job = make_mlp({.batch = 4096,
                            .inputs = 32,
                            .layers = 24,
                            .width = 96,
                            .optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9}},
                           5);
        JobRunner runner(used.device, used.arbiter, job, "after");
        runner.admit(used.memory, kOwner, std::nullopt, nullptr);
        runner.run(nullptr, {});
        digests[i] = digest_of(runner, job);
    }
    std::printf("the next job: bits %s\n", digests[0] == digests[1] ? "equal" : "DIFFERENT");
}

// A network of one hidden layer, to predict with.
class SmallModel final : public StoredModel {
  public:
    static constexpr std::int64_t kFeatures = 32;
    static constexpr std::int64_t kHidden = 128;

    SmallModel() {
        const Program forward = program(1);
        for (const ValueId id : forward.variables()) {
            variables_.push_back({forward.value(id).name, forward.value(id).type, {}, true, {}});
            offsets_.push_back(bytes_);
            bytes_ += (forward.value(id).type.bytes() + 63) / 64 * 64;
        }
    }
    std::string label() const override { return "small"; }
    std::span<const Variable> variables() const override { return variables_; }
    std::span<const std::uint64_t> weight_offsets() const override { return offsets_; }
    std::uint64_t weight_bytes() const override { return bytes_; }
    Program program(std::int64_t capacity) const override {
        ProgramBuilder builder("small");
        const std::int16_t batch = builder.extent("batch");
        const ValueId x = builder.input("x", {DType::kF32, Shape::bounded(capacity, batch, {kFeatures})});
        const ValueId weight = builder.variable("weight", {DType::kF32, {kFeatures, kHidden}});
        const ValueId bias = builder.variable("bias", {DType::kF32, {kHidden}});
        const ValueId head = builder.variable("head", {DType::kF32, {kHidden, 1}});
        const ValueId hidden = ops::relu(builder, ops::bias_add(builder, ops::matmul(builder, x, weight), bias));
        builder.output("y", ops::matmul(builder, hidden, head));
        return builder.finish();
    }

  private:
    std::vector<Variable> variables_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t bytes_ = 0;
};

// Latencies in microseconds, by the rows of a prediction.
struct Latencies {
    Samples one_row;
    Samples many_rows;
};
constexpr std::int64_t kManyRows = 256;

double predict_once(Stream& stream, LoadedModel& model, std::int64_t rows) {
    const Stopwatch watch;
    ContextLease lease = model.borrow(rows, nullptr);
    std::memset(lease.inputs()[0].data, 0, static_cast<std::size_t>(rows * SmallModel::kFeatures) * sizeof(float));
    lease.run(stream, rows, nullptr);
    return watch.seconds() * 1e6;
}

// A burst every 10 ms: ten predictions of one row, ten of many.
void predict_bursts(Stream& stream, LoadedModel& model, double seconds, Latencies& latencies) {
    const Stopwatch whole;
    while (whole.seconds() < seconds) {
        for (int i = 0; i < 10; ++i)
            latencies.one_row.add(predict_once(stream, model, 1));
        for (int i = 0; i < 10; ++i)
            latencies.many_rows.add(predict_once(stream, model, kManyRows));
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

// The same beside two trainings in a pool of `percent` of the need of both together, or beside none.
void predict_beside(const std::string& what, std::optional<double> percent, double seconds,
                    const std::string& directory) {
    const auto endless = [] {
        return make_mlp({.batch = 8192,
                         .inputs = 64,
                         .layers = 16,
                         .width = 256,
                         .optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9}},
                        1 << 30);
    };
    Job sample = endless();
    // In place, equal jobs share one step region; under pressure each has a part of the pool.
    const std::uint64_t need = need_of(sample);
    Memory engine(pool_bytes(2 * need, percent.value_or(100)) + 8 * kMebibyte, directory, {minimum_bytes, plan_job});
    InferenceCache cache(engine.device, engine.pool, 16);
    auto stored = std::make_unique<SmallModel>();
    const std::vector<std::byte> weights(stored->weight_bytes());
    const auto model = cache.load(ModelKey{}, std::move(stored), weights, std::nullopt, nullptr);
    const auto stream = engine.device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    Latencies warming;
    predict_bursts(*stream, *model, 0.2, warming);

    StopFlag stop{false};
    std::atomic<int> steps{0};
    std::atomic<int> admitted{0};
    std::atomic<std::uint64_t> moved{0};
    Latencies latencies;
    {
        std::vector<std::jthread> trainings;
        for (int i = 0; percent && i < 2; ++i)
            trainings.emplace_back([&] {
                Job job = endless();
                JobRunner runner(engine.device, engine.arbiter, job, "big");
                try {
                    // So that the first does not take the whole pool.
                    runner.admit(engine.memory, kOwner, std::nullopt, &stop, PoolShare(0.48));
                    ++admitted;
                    runner.run(&stop, [&] { ++steps; });
                } catch (const Error& error) {
                    if (error.sqlstate() != sqlstate::kQueryCanceled) std::printf("training: %s\n", error.what());
                }
                moved += runner.usage().moved.out_bytes + runner.usage().moved.in_bytes;
            });
        const Stopwatch waited;
        while (percent && steps < 2 && waited.seconds() < 60)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        predict_bursts(*stream, *model, seconds, latencies);
        stop = true;
        engine.pool.wake();
        engine.arbiter.wake();
    }
    std::printf("%s: %d trainings, %d steps, %llu MiB moved\n", what.c_str(), admitted.load(), steps.load(),
                static_cast<unsigned long long>(moved / kMebibyte));
    latencies.one_row.print("  1 row", "us");
    latencies.many_rows.print("  256 rows", "us");
}

void predictions(double seconds, int rounds, const std::string& directory) {
    for (int round = 0; round < rounds; ++round) {
        predict_beside("alone", std::nullopt, seconds, directory);
        predict_beside("in place", 250, seconds, directory);
        predict_beside("under pressure", 40, seconds, directory);
    }
}

double number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw Error("22023", "not a number: " + std::string(text));
    return value;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto directory = [&](std::size_t index) { return words.size() > index ? words[index] : std::string("."); };
    try {
        if (words.size() >= 4 && words[0] == "train") {
            train(words[1], number(words[2]), static_cast<int>(number(words[3])), directory(4));
        } else if (words.size() >= 3 && words[0] == "least") {
            least(words[1], static_cast<std::int64_t>(number(words[2])));
        } else if (words.size() >= 2 && words[0] == "cancel") {
            cancel(static_cast<int>(number(words[1])), directory(2));
        } else if (words.size() >= 3 && words[0] == "predictions") {
            predictions(number(words[1]), static_cast<int>(number(words[2])), directory(3));
        } else {
            std::fprintf(
                stderr,
                "usage: pressure train NETWORK PERCENT STEPS | least NETWORK IMAGES | cancel TIMES | predictions "
                "SECONDS ROUNDS\n");
            return 2;
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.detail().c_str());
        return 1;
    }
    return 0;
}
