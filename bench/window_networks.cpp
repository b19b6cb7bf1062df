// Quality and speed of the networks on windows of series: training on the first part of a data set, forecasts of every
// window of its last part, errors in deviations of the training part, as the literature gives them. In this process,
// data already in memory, no server.
//
// Usage: window_networks --data DIR [--set etth1|beijing|jonas|metr|motes] [--method dlinear] [--options JSON]
// [--horizon H]
//                        [--threads 2] [--stride 1]
// DIR holds ETT/ and what net3_data.py made in net3/, as bench/run_forecast unpacks them. --stride: every how many
// steps a test window begins. Prints a line of errors beside those of the last value and of the value a season before,
// and one of speed.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "series_data.h"

#include "device/cpu/cpu_device.h"
#include "memory/byte_size.h"
#include "memory/tensor_pool.h"
#include "models/forecast/series_scaling.h"
#include "models/weight_layout.h"
#include "models/window_networks/network_methods.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "runtime/program_instance.h"

#include <nlohmann/json.hpp>

namespace {

using namespace tensile;

struct DataSet {
    std::string_view name;
    std::string_view file;
    bench::WideFile format;
    std::chrono::sys_days start;
    std::int64_t season;
    std::int64_t horizon;
    double test;        // share of the last steps
    double validation;  // share of those before
};

// ETTh1: 12, 4 and 4 months of 30 days; the others as net3_quality divides them. The start of the Washington data and
// the motes' is not given.
const std::vector<DataSet>& data_sets() {
    using namespace std::chrono;
    using bench::kHour;
    constexpr bench::WideFile kPrepared = {.names = false, .index = false};
    constexpr bench::WideFile kEtt = {.most_steps = 14400};
    constexpr bench::WideFile kMetr = {.names = false, .index = false, .step = 5 * bench::kMinute};
    constexpr bench::WideFile kMotes = {.names = false, .index = false, .step = kHour / 2};
    static const std::vector<DataSet> sets = {
        {"etth1", "ETT/ETTh1.csv", kEtt, sys_days{2016y / July / 1}, 24, 96, 0.2, 0.25},
        {"beijing", "net3/beijing/values.csv", kPrepared, sys_days{2013y / March / 1}, 24, 1, 0.2, 0.125},
        {"jonas", "net3/jonas/values.csv", kPrepared, sys_days{2017y / January / 1}, 24, 1, 0.2, 0.125},
        {"metr", "net3/metr/values.csv", kMetr, sys_days{2012y / March / 1}, 288, 1, 0.2, 0.125},
        {"motes", "net3/motes/values.csv", kMotes, sys_days{2004y / March / 1}, 48, 1, 0.2, 0.125}};
    return sets;
}

SeriesTable load(const std::string& directory, const DataSet& set) {
    SeriesTable table = bench::read_wide(directory + "/" + std::string(set.file), set.format);
    using namespace std::chrono;
    table.axis.start = (set.start - sys_days{2000y / January / 1}).count() * 24 * bench::kHour;
    return table;
}

class DeviceRunner final : public ForwardRunner {
  public:
    DeviceRunner(Device& device, const SeriesForecaster& forecaster, const Job& job, JobRunner& runner)
        : planned_(plan_program(device, forecaster.program(kCapacity), {.batch_invariant = true})),
          stream_(device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction)) {
        std::vector<std::byte*> weights;
        for (const ValueId id : planned_->program.variables())
            for (std::size_t i = 0; i < job.variables.size(); ++i) {
                if (job.variables[i].name != planned_->program.value(id).name) continue;
                const std::uint64_t bytes = job.variables[i].type.bytes();
                weights.push_back(allocate(bytes));
                runner.read_variable(static_cast<int>(i), {weights.back(), bytes});
            }
        instance_.emplace(planned_, allocate(planned_->extent_bytes()), weights);
    }

    void run(std::int64_t rows, const Fill& fill, const Take& take) override {
        for (std::int64_t begin = 0; begin < rows; begin += kCapacity) {
            const std::int64_t count = std::min(kCapacity, rows - begin);
            fill(begin, count, instance_->inputs());
            for (std::int64_t& extent : instance_->extents())
                extent = count;
            instance_->run(*stream_, nullptr);
            take(begin, count, instance_->outputs());
        }
    }

  private:
    static constexpr std::int64_t kCapacity = 256;
    using Storage = std::unique_ptr<std::byte, decltype(&std::free)>;

    std::byte* allocate(std::uint64_t bytes) {
        constexpr std::size_t kAlignment = 64;
        return owners_
            .emplace_back(static_cast<std::byte*>(std::aligned_alloc(kAlignment, aligned_size(bytes, kAlignment))),
                          &std::free)
            .get();
    }

    std::vector<Storage> owners_;
    std::shared_ptr<const PlannedProgram> planned_;
    std::unique_ptr<Stream> stream_;
    std::optional<ProgramInstance> instance_;
};

// Errors in deviations of each series, over all cells.
struct Errors {
    double squares = 0;
    double absolutes = 0;
    std::int64_t cells = 0;

    void add(double error) {
        if (std::isnan(error)) return;
        squares += error * error;
        absolutes += std::abs(error);
        ++cells;
    }
    void print(const char* name) const {
        const auto count = static_cast<double>(cells);
        std::printf("  %s: mse %.4f rmse %.4f mae %.4f", name, squares / count, std::sqrt(squares / count),
                    absolutes / count);
    }
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, std::string> arguments = {{"--data", ""},      {"--set", "etth1"}, {"--method", "dlinear"},
                                                    {"--options", "{}"}, {"--horizon", "0"}, {"--threads", "2"},
                                                    {"--stride", "1"},   {"--seed", "0"}};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!arguments.contains(argv[i])) {
            std::fprintf(stderr, "no such option: %s\n", argv[i]);
            return 2;
        }
        arguments[argv[i]] = argv[i + 1];
    }
    try {
        const auto set = std::ranges::find(data_sets(), std::string_view(arguments["--set"]), &DataSet::name);
        if (set == data_sets().end()) throw Error(sqlstate::kUndefinedObject, "no such data set");
        const std::span<const SeriesMethod* const> methods = window_network_methods();
        const auto method = std::ranges::find(methods, std::string_view(arguments["--method"]),
                                              [](const SeriesMethod* one) { return one->name(); });
        if (method == methods.end()) throw Error(sqlstate::kUndefinedObject, "no such method");

        const SeriesTable all = load(arguments["--data"], *set);
        const std::int64_t known = all.steps - static_cast<std::int64_t>(set->test * static_cast<double>(all.steps));
        const SeriesTable history = bench::span_of(all, 0, known);
        SeriesSettings settings;
        settings.season = set->season;
        settings.horizon = std::atoi(arguments["--horizon"].c_str());
        if (settings.horizon == 0) settings.horizon = set->horizon;
        settings.validation = set->validation;
        settings.seed = std::strtoull(arguments["--seed"].c_str(), nullptr, 10);
        const Options options = Options::parse((*method)->name(), (*method)->options(), arguments["--options"]);

        const auto start = std::chrono::steady_clock::now();
        const auto fit = (*method)->fit(history, settings, options, nullptr);
        const auto device = std::make_unique<CpuDevice>(std::atoi(arguments["--threads"].c_str()));
        TensorPool pool(*device, std::uint64_t{2} << 30);
        Arbiter arbiter(*device);
        JobMemory memory(pool, "", 0, {minimum_bytes, plan_job});
        JobRunner runner(*device, arbiter, fit->job(), "window_networks");
        runner.admit(memory, {1, 0, "train", "window_networks"}, std::nullopt, nullptr);
        const auto trained = std::chrono::steady_clock::now();
        runner.run(nullptr, [] {});
        const double training_seconds = seconds_since(trained);
        const nlohmann::ordered_json manifest = fit->manifest();
        const auto forecaster = (*method)->load(manifest, fit->host_weights(), history);
        const double total_seconds = seconds_since(start);

        DeviceRunner forward(*device, *forecaster, fit->job(), runner);
        const std::int64_t look_back = manifest["network"]["look_back"].get<std::int64_t>();
        const auto fit_steps = known - static_cast<std::int64_t>(settings.validation * static_cast<double>(known));
        const SeriesScaling scaling = SeriesScaling::fit(history.values, history.series(), fit_steps);
        Errors network;
        Errors last;
        Errors seasonal;
        std::int64_t covered = 0;
        const auto judged = std::chrono::steady_clock::now();
        for (std::int64_t origin = known; origin + settings.horizon <= all.steps;
             origin += std::atoi(arguments["--stride"].c_str())) {
            const Forecast forecast =
                forecaster->forecast(bench::span_of(all, std::max<std::int64_t>(origin - look_back, 0), origin), {},
                                     settings.horizon, 0.9, forward, nullptr);
            for (std::int64_t step = 0; step < settings.horizon; ++step)
                for (std::int64_t one = 0; one < all.series(); ++one) {
                    const auto cell = static_cast<std::size_t>(step * all.series() + one);
                    const float truth = all.at(origin + step)[one];
                    const auto error = [&](float value) {
                        return static_cast<double>(scaling.scaled(one, value) - scaling.scaled(one, truth));
                    };
                    network.add(error(forecast.mean[cell]));
                    last.add(error(all.at(origin - 1)[one]));
                    const std::int64_t cycles = step / settings.season + 1;
                    seasonal.add(error(all.at(origin + step - cycles * settings.season)[one]));
                    covered += forecast.lower[cell] <= truth && truth <= forecast.upper[cell] ? 1 : 0;
                }
        }
        std::printf("%s %s horizon %ld look_back %ld", arguments["--set"].c_str(), arguments["--method"].c_str(),
                    settings.horizon, look_back);
        network.print("test");
        std::printf(" coverage of 90%% %.3f", static_cast<double>(covered) / static_cast<double>(network.cells));
        last.print("last value");
        seasonal.print("season before");
        const TrainingProgress progress = fit->progress();
        std::printf("\n  epochs %ld (best %ld), fit %.1f s, %.0f training samples/s, test %.1f s; validation",
                    manifest["training"]["epochs"].get<long>(), manifest["training"]["best_epoch"].get<long>(),
                    total_seconds, static_cast<double>(progress.rows_trained) / training_seconds,
                    seconds_since(judged));
        for (const TaskMetric& metric : fit->metrics())
            std::printf(" %s %.4f", metric.name.c_str(), metric.value);
        std::printf("\n");
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n%s\n", error.what(), error.detail().c_str(), error.hint().c_str());
        return 1;
    }
    return 0;
}
