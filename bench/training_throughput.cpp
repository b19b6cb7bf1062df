// Training samples per second of the mlp in this process: data already in memory, no server, no protocol. The peer is
// bench/pytorch_training.py, which runs the same network, batch, optimizer and data; bench/training runs both in turn.
//
// Usage: training_throughput [--rows N] [--features F] [--hidden 256,256] [--batch 256] [--threads 2] [--epochs 6]
// Prints one line: samples_per_second <x>, over the epochs after the first.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "memory/tensor_pool.h"
#include "models/model_family.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "tensor/random.h"

namespace {

using namespace tensile;

struct Settings {
    std::map<std::string, std::string, std::less<>> values = {{"rows", "65536"},     {"features", "32"},
                                                              {"hidden", "256,256"}, {"batch", "256"},
                                                              {"threads", "2"},      {"epochs", "6"}};
    int integer(std::string_view name) const { return std::atoi(values.find(name)->second.c_str()); }
};

Settings parse(int argc, char** argv) {
    Settings settings;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = std::string_view(argv[i]).substr(0, 2) == "--" ? argv[i] + 2 : argv[i];
        if (!settings.values.contains(name)) {
            std::fprintf(stderr, "no such option: %s\n", argv[i]);
            std::exit(2);
        }
        settings.values[name] = argv[i + 1];
    }
    return settings;
}

// Standard normal features and a linear target, as the peer's.
void append_rows(Training& training, int rows, int features) {
    std::vector<std::vector<float>> columns(static_cast<std::size_t>(features) + 1,
                                            std::vector<float>(static_cast<std::size_t>(rows)));
    for (int row = 0; row < rows; ++row) {
        const auto at = static_cast<std::size_t>(row);
        for (int feature = 0; feature < features; ++feature)
            columns[static_cast<std::size_t>(feature)][at] = static_cast<float>(
                random_normal(1, static_cast<std::uint64_t>(feature), static_cast<std::uint64_t>(row)));
        columns.back()[at] = 2 * columns[0][at] - columns[1][at];
    }
    std::vector<RawColumn> raw;
    for (const std::vector<float>& column : columns)
        raw.push_back({RawType::kF32, column.data(), nullptr, 1});
    training.append_rows({rows, raw, nullptr});
}

}  // namespace

int main(int argc, char** argv) {
    const Settings settings = parse(argc, argv);
    const int rows = settings.integer("rows");
    const int features = settings.integer("features");

    TrainingRequest request;
    request.model_name = "throughput";
    request.targets = {"y"};
    for (int feature = 0; feature < features; ++feature)
        request.columns.push_back({"x" + std::to_string(feature), "real", ColumnMeaning::kNumber});
    request.columns.push_back({"y", "real", ColumnMeaning::kNumber});
    request.options_json =
        "{\"hidden\": [" + settings.values.at("hidden") + "], \"batch_size\": " + settings.values.at("batch") +
        ", \"epochs\": " + settings.values.at("epochs") +
        ", \"optimizer\": \"adam\", \"weight_decay\": 0, \"dropout\": 0, \"validation\": 0, \"patience\": 0, "
        "\"normalization\": \"none\"}";
    try {
        const auto training = family_named("mlp").train(request);
        append_rows(*training, rows, features);
        training->finish_rows();

        const auto device = std::make_unique<CpuDevice>(settings.integer("threads"));
        TensorPool pool(*device, std::uint64_t{2} << 30);
        Arbiter arbiter(*device);
        JobMemory memory(pool, "", 0, {minimum_bytes, plan_job});
        JobRunner runner(*device, arbiter, training->job(), "throughput");
        runner.admit(memory, {1, 0, "train", "throughput"}, std::nullopt, nullptr);

        using Clock = std::chrono::steady_clock;
        Clock::time_point start;
        bool warm = false;
        runner.run(nullptr, [&] {
            if (!warm && training->progress().epoch >= 2) {
                warm = true;
                start = Clock::now();
            }
        });
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        const double samples = static_cast<double>(rows) * (settings.integer("epochs") - 1);
        std::printf("samples_per_second %.0f\n", samples / seconds);
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.detail().c_str());
        return 1;
    }
    return 0;
}
