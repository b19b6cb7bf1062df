// What the benchmarks of NET3 share: training a network on a standardised table in this process, and its one-step
// forecasts of every window.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "memory/tensor_pool.h"
#include "models/forecast/window_training.h"
#include "models/net3/net3_network.h"
#include "models/net3/net3_table.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "unit/device/device_run.h"

namespace tensile::bench {

struct TrainedNet3 {
    std::vector<std::vector<float>> weights;  // by parameter
    double seconds = 0;                       // of the training, without planning
    double steady_seconds = 0;                // behind the first epoch
    std::int64_t windows = 0;                 // trained on in that time
    std::int64_t best_epoch = 0;
    double validation_loss = 0;
};

inline TrainedNet3 train_net3(int threads, const Net3Network& network, const WindowSamples& samples,
                              const WindowTrainingSettings& settings) {
    using Clock = std::chrono::steady_clock;
    WindowTraining training(network, samples, settings, nullptr, nullptr);
    CpuDevice device(threads);
    TensorPool pool(device, std::uint64_t{3} << 30);
    Arbiter arbiter(device);
    JobMemory memory(pool, "", 0, {minimum_bytes, plan_job});
    JobRunner runner(device, arbiter, training.job(), "net3");
    runner.admit(memory, {1, 0, "train", "net3"}, std::nullopt, nullptr);
    TrainedNet3 result;
    const auto begin = Clock::now();
    auto steady = begin;
    bool warm = false;
    runner.run(nullptr, [&] {
        if (warm || training.progress().epoch < 2) return;
        warm = true;
        steady = Clock::now();
    });
    const auto since = [](Clock::time_point start) {
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    result.seconds = since(begin);
    result.steady_seconds = since(steady);
    result.windows = samples.training_count() * (training.epochs_run() - 1);
    result.best_epoch = training.best_epoch();
    result.validation_loss = training.validation_loss();
    for (std::size_t i = 0; i < network.parameters().size(); ++i) {
        result.weights.emplace_back(static_cast<std::size_t>(network.parameters()[i].variable.type.shape.elements()));
        runner.read_variable(static_cast<int>(i), std::as_writable_bytes(std::span(result.weights.back())));
    }
    return result;
}

// Calls take(sample, forecasts) for each sample in [begin, end).
inline void forecast_net3(CpuDevice& device, const Net3Network& network, const TrainedNet3& trained,
                          const WindowSamples& samples, std::int64_t begin, std::int64_t end,
                          const std::function<void(std::int64_t, const float*)>& take) {
    constexpr std::int64_t kRows = 64;
    const Program program = window_prediction_program(network, kRows);
    test::DeviceRun run(device, program);
    for (std::size_t i = 0; i < trained.weights.size(); ++i) {
        const TensorView view = run.tensor(network.parameters()[i].variable.name);
        std::copy(trained.weights[i].begin(), trained.weights[i].end(), view.as<float>());
    }
    std::vector<TensorView> inputs;
    for (ValueId id : program.inputs())
        inputs.push_back(run.tensor(program.value(id).name));
    // Samples write their targets too.
    std::vector<std::vector<float>> targets;
    for (const WindowInput& target : network.targets()) {
        targets.emplace_back(static_cast<std::size_t>(kRows * target.width));
        inputs.push_back({targets.back().data(), {DType::kF32, {kRows, target.width}}, kRows});
    }
    for (std::int64_t first = begin; first < end; first += kRows) {
        const std::int64_t count = std::min(kRows, end - first);
        for (std::int64_t row = 0; row < count; ++row)
            samples.write(first + row, inputs, row);
        run.set_extent("batch", count);
        run.run();
        const TensorView prediction = run.output("prediction");
        for (std::int64_t row = 0; row < count; ++row)
            take(first + row, prediction.as<float>() + row * prediction.type.shape.row_width());
    }
}

// "--name value" pairs over defaults.
inline std::map<std::string, std::string> parse_arguments(int argc, char** argv,
                                                          std::map<std::string, std::string> values) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = std::string(argv[i]).substr(0, 2) == "--" ? argv[i] + 2 : argv[i];
        if (!values.contains(name)) {
            std::fprintf(stderr, "no such option: %s\n", argv[i]);
            std::exit(2);
        }
        values[name] = argv[i + 1];
    }
    return values;
}

inline std::vector<std::int64_t> parse_list(const std::string& text) {
    std::vector<std::int64_t> numbers;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        numbers.push_back(std::atoll(text.substr(at, comma - at).c_str()));
        at = comma + 1;
    }
    return numbers;
}

}  // namespace tensile::bench
