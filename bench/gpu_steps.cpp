// Times of whole training steps on the GPU, through the runtime as the engine runs them: batches are fed from the host
// and the loss is read back in every step. The peer is bench/pytorch_gpu_steps.py; scripts/check-gpu runs both and puts
// them into its table.
//
// Usage: gpu_steps steps NETWORK STEPS [SCALE]              a step in place
//        gpu_steps pressure NETWORK PERCENT STEPS [SCALE]   the same in that part of the memory, and what moving costs
// NETWORK: mlp, resnet, lstm, transformer or net3. SCALE: tiny, small or large (default). The device is the one that
// TENSILE_GPU_PLUGIN names, without it the fake of the plug-in (test/gpu/gpu_under_test.h), whose times mean nothing.
// Prints lines "figure NAME VALUE".
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/gpu_under_test.h"
#include "measure.h"
#include "support/job_engine.h"
#include "tensor/error.h"

namespace {

using namespace tensile;
using namespace tensile::test;

// In these, kernels are chosen and graphs recorded.
constexpr std::size_t kWarmUp = 5;
constexpr std::uint64_t kRoom = 1 << 20;  // what a pool rounds up to, and more

std::string text_of(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

double median_step(const TrainingOutcome& outcome) {
    bench::Samples times;
    for (std::size_t step = kWarmUp; step < outcome.step_seconds.size(); ++step)
        times.add(outcome.step_seconds[step]);
    return times.quantile(0.5);
}

struct Question {
    std::string network;
    NetworkScale scale = NetworkScale::kLarge;
    std::int64_t steps = 0;

    NetworkTraining training() const {
        return network_training(network, scale, steps + static_cast<std::int64_t>(kWarmUp));
    }
    std::string figure(const std::string& what) const { return "steps." + network + "." + what; }
};

std::string spill_directory() {
    return std::filesystem::temp_directory_path().string();
}

double step_in_place(const Question& question) {
    GpuUnderTest gpu;
    const NetworkTraining training = question.training();
    JobEngine engine(gpu.device(), comfortable_bytes_of(gpu.device(), training) + kRoom, spill_directory());
    const double seconds = median_step(engine.run(training));
    print_figure(question.figure("milliseconds"), text_of(1e3 * seconds));
    print_figure(question.figure("samples_per_second"), text_of(static_cast<double>(training.samples) / seconds));
    return seconds;
}

void step_under_pressure(const Question& question, double percent) {
    const double in_place = step_in_place(question);
    GpuUnderTest gpu;
    const std::uint64_t need = comfortable_bytes_of(gpu.device(), question.training());
    JobEngine engine(gpu.device(), static_cast<std::uint64_t>(static_cast<double>(need) * percent / 100),
                     spill_directory(), need + kRoom);
    // The first time measures ops and link; the second is planned from them.
    engine.run(question.training());
    const TrainingOutcome outcome = engine.run(question.training());
    const double seconds = median_step(outcome);
    const auto steps = static_cast<double>(outcome.step_seconds.size());
    const double transfer = engine.transfer_seconds(outcome.usage.moved) / steps;
    const double stall = outcome.usage.moved.stall_seconds / steps;
    print_figure(question.figure("pressure_milliseconds"), text_of(1e3 * seconds));
    print_figure(question.figure("slowdown_percent"), text_of(100 * (seconds / in_place - 1)));
    print_figure(question.figure("transfer_milliseconds"), text_of(1e3 * transfer));
    print_figure(question.figure("stall_milliseconds"), text_of(1e3 * stall));
    print_figure(question.figure("stall_percent"), text_of(transfer > 0 ? 100 * stall / transfer : 0));
    print_figure(question.figure("recompute_milliseconds"),
                 text_of(1e3 * outcome.usage.moved.recompute_seconds / steps));
    print_figure(
        question.figure("moved_mebibytes"),
        text_of(static_cast<double>(outcome.usage.moved.in_bytes + outcome.usage.moved.out_bytes) / steps / (1 << 20)));
}

double number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value <= 0)
        throw Error(sqlstate::kInvalidParameterValue, "not a positive number: " + std::string(text));
    return value;
}

NetworkScale scale_named(std::string_view name) {
    if (name == "tiny") return NetworkScale::kTiny;
    if (name == "small") return NetworkScale::kSmall;
    if (name == "large") return NetworkScale::kLarge;
    throw Error(sqlstate::kInvalidParameterValue, "no such scale: " + std::string(name));
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto question = [&](std::size_t steps) {
        Question asked{words[1], NetworkScale::kLarge, static_cast<std::int64_t>(number(words[steps]))};
        if (words.size() > steps + 1) asked.scale = scale_named(words[steps + 1]);
        return asked;
    };
    try {
        if (words.size() >= 3 && words[0] == "steps") {
            step_in_place(question(2));
        } else if (words.size() >= 4 && words[0] == "pressure") {
            step_under_pressure(question(3), number(words[2]));
        } else {
            std::fprintf(stderr,
                         "usage: gpu_steps steps NETWORK STEPS [SCALE] | pressure NETWORK PERCENT STEPS [SCALE]\n");
            return 2;
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.detail().c_str());
        return 1;
    }
    return 0;
}
