// Quality of method mlp on the census-income data (99,762 rows, two tasks: income over 50K, never married): test AUC
// over several seeds. Data already in memory, no server. The rows are split 70/15/15 by a fixed hash of their position;
// a training gets the first two parts and holds back as many rows as the second has for validation.
//
// Usage: census_quality [--data FILE.gz] [--options JSON] [--seeds 5] [--threads 2] [--verbose 1]
// from the project's root. Prints a line for each seed and the means; with --verbose also the training log.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "device/cpu/cpu_device.h"
#include "memory/tensor_pool.h"
#include "models/model_family.h"
#include "runtime/arbiter.h"
#include "runtime/inference.h"
#include "runtime/job_runner.h"
#include "tensor/random.h"

namespace {

using namespace tensile;

constexpr int kColumns = 42;
constexpr int kMaritalStatus = 7;
constexpr int kInstanceWeight = 24;
constexpr int kIncome = 41;
constexpr double kTrainingShare = 0.70;
constexpr double kValidationShare = 0.15;

bool is_number(int column) {
    for (int number : {0, 5, 16, 17, 18, 30, 39, 40})
        if (column == number) return true;
    return false;
}

// The columns that a model may see and the two targets, as a query on the table would return them.
class CensusRows {
  public:
    CensusRows() {
        for (int column = 0; column < kColumns; ++column) {
            if (column == kMaritalStatus || column == kInstanceWeight || column == kIncome) continue;
            sources_.push_back(column);
            const bool number = is_number(column);
            descriptions_.push_back({"column_" + std::to_string(column), number ? "integer" : "text",
                                     number ? ColumnMeaning::kNumber : ColumnMeaning::kText});
        }
        descriptions_.push_back({"income_over_50k", "boolean", ColumnMeaning::kBoolean});
        descriptions_.push_back({"never_married", "boolean", ColumnMeaning::kBoolean});
        numbers_.resize(sources_.size());
        texts_.resize(sources_.size());
        nulls_.resize(sources_.size());
    }

    void append(const std::vector<std::string_view>& fields) {
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            const std::string_view field = fields[static_cast<std::size_t>(sources_[i])];
            nulls_[i].push_back(field == "?" ? 1 : 0);
            if (is_number(sources_[i])) {
                numbers_[i].push_back(std::atoi(std::string(field).c_str()));
            } else {
                texts_[i].push_back(
                    {static_cast<std::uint32_t>(heap_.size()), static_cast<std::uint32_t>(field.size())});
                heap_ += field;
            }
        }
        income_.push_back(fields[kIncome] == "50000+." ? 1 : 0);
        never_married_.push_back(fields[kMaritalStatus] == "Never married" ? 1 : 0);
    }

    const std::vector<ColumnDescription>& descriptions() const { return descriptions_; }
    RawRows rows() {
        raw_.clear();
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            if (is_number(sources_[i])) {
                raw_.push_back({RawType::kI32, numbers_[i].data(), nulls_[i].data(), 1});
            } else {
                raw_.push_back({RawType::kText, texts_[i].data(), nulls_[i].data(), 1});
            }
        }
        raw_.push_back({RawType::kBool, income_.data(), nullptr, 1});
        raw_.push_back({RawType::kBool, never_married_.data(), nullptr, 1});
        return {static_cast<std::int64_t>(income_.size()), raw_, heap_.data()};
    }

  private:
    std::vector<int> sources_;
    std::vector<ColumnDescription> descriptions_;
    std::vector<std::vector<std::int32_t>> numbers_;
    std::vector<std::vector<TextSlice>> texts_;
    std::vector<std::vector<std::uint8_t>> nulls_;
    std::vector<std::uint8_t> income_;
    std::vector<std::uint8_t> never_married_;
    std::string heap_;
    std::vector<RawColumn> raw_;
};

struct Census {
    CensusRows training;  // and validation
    CensusRows test;
};

void load(const std::string& path, Census& census) {
    FILE* pipe = popen(("zcat '" + path + "'").c_str(), "r");
    if (pipe == nullptr) throw Error(sqlstate::kIoError, "could not read \"" + path + "\"");
    std::vector<char> line(8192);
    std::uint64_t row = 0;
    while (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr) {
        std::vector<std::string_view> fields;
        std::string_view rest = line.data();
        while (fields.size() < kColumns) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            std::string_view field = rest.substr(0, comma);
            field.remove_prefix(std::min(field.find_first_not_of(" \n"), field.size()));
            field = field.substr(0, field.find_last_not_of(" \n") + 1);
            fields.push_back(field);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
        }
        const double position = random_uniform(0, 0, row++);
        (position < kTrainingShare + kValidationShare ? census.training : census.test).append(fields);
    }
    if (pclose(pipe) != 0 || row == 0) throw Error(sqlstate::kIoError, "could not read \"" + path + "\"");
}

using Metrics = std::map<std::string, double>;

Metrics by_name(const std::string& prefix, const std::vector<TaskMetric>& metrics) {
    Metrics result;
    for (const TaskMetric& metric : metrics)
        result[prefix + metric.task + "." + metric.name] = metric.value;
    return result;
}

std::vector<TaskMetric> test_metrics(Device& device, const Predictor& predictor, const Job& job, JobRunner& runner,
                                     CensusRows& rows) {
    constexpr std::int64_t kCapacity = 1024;
    const auto planned = plan_program(device, predictor.program(kCapacity), {.batch_invariant = true});
    using Storage = std::unique_ptr<std::byte, decltype(&std::free)>;
    const auto allocate = [](std::uint64_t bytes) {
        constexpr std::size_t kAlignment = 64;
        return Storage(static_cast<std::byte*>(std::aligned_alloc(kAlignment, aligned_size(bytes, kAlignment))),
                       &std::free);
    };
    std::vector<Storage> owners;
    std::vector<std::byte*> weights;
    for (ValueId id : planned->program.variables())
        for (std::size_t i = 0; i < job.variables.size(); ++i) {
            if (job.variables[i].name != planned->program.value(id).name) continue;
            const std::uint64_t bytes = job.variables[i].type.bytes();
            weights.push_back(owners.emplace_back(allocate(bytes)).get());
            runner.read_variable(static_cast<int>(i), {weights.back(), bytes});
        }
    const Storage storage = allocate(planned->extent_bytes());
    ProgramInstance instance(planned, storage.get(), weights);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);

    const RawRows raw = rows.rows();
    const std::vector<int> positions = predictor.bind_columns(rows.descriptions());
    PredictionColumns predictions;
    for (std::int64_t begin = 0; begin < raw.count; begin += kCapacity) {
        const std::int64_t end = std::min(raw.count, begin + kCapacity);
        predictor.encode(raw, positions, begin, end, instance.inputs());
        instance.extents()[0] = end - begin;
        instance.run(*stream, nullptr);
        predictor.decode(instance.outputs(), end - begin, predictions);
    }
    RowCounts counts;
    return predictor.evaluate(predictions, raw, rows.descriptions(), counts);
}

Metrics run_seed(Device& device, JobMemory& memory, Arbiter& arbiter, Census& census, nlohmann::ordered_json options,
                 int seed, bool verbose) {
    options["seed"] = seed;
    if (!options.contains("validation")) options["validation"] = kValidationShare / (kTrainingShare + kValidationShare);
    const ModelFamily& family = family_named("mlp");
    const auto training =
        family.train({"census", options.dump(), {"income_over_50k", "never_married"}, census.training.descriptions()});
    training->append_rows(census.training.rows());
    training->finish_rows();
    JobRunner runner(device, arbiter, training->job(), "census");
    runner.admit(memory, {1, 0, "train", "census"}, std::nullopt, nullptr);
    runner.run(nullptr, [] {});
    if (verbose)
        for (const LogLine& line : training->take_log())
            std::printf("  epoch %d %s %s %.5f\n", line.epoch, line.task.c_str(), line.metric.c_str(), line.value);
    Metrics metrics = by_name("validation ", training->metrics());
    const auto predictor = family.load(training->manifest());
    metrics.merge(by_name("test ", test_metrics(device, *predictor, training->job(), runner, census.test)));
    metrics["epochs"] = static_cast<double>(training->progress().epoch);
    return metrics;
}

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, std::string> settings = {{"--data", "examples/census/data/census-income.test.gz"},
                                                   {"--options", "{}"},
                                                   {"--seeds", "5"},
                                                   {"--threads", "2"},
                                                   {"--verbose", "0"}};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!settings.contains(argv[i])) {
            std::fprintf(stderr, "no such option: %s\n", argv[i]);
            return 2;
        }
        settings[argv[i]] = argv[i + 1];
    }
    try {
        Census census;
        load(settings["--data"], census);
        CpuDevice device(std::atoi(settings["--threads"].c_str()));
        TensorPool pool(device, std::uint64_t{1} << 30);
        JobMemory memory(pool, "", 0, {minimum_bytes, plan_job});
        Arbiter arbiter(device);
        const std::vector<std::string> columns = {"validation income_over_50k.auc", "validation never_married.auc",
                                                  "test income_over_50k.auc", "test never_married.auc"};
        std::printf("%-6s %-8s %-20s %-20s %-12s %-12s\n", "seed", "epochs", "validation income", "validation married",
                    "test income", "test married");
        const int seeds = std::atoi(settings["--seeds"].c_str());
        std::map<std::string, double> sums;
        std::map<std::string, double> squares;
        for (int seed = 0; seed < seeds; ++seed) {
            Metrics metrics =
                run_seed(device, memory, arbiter, census, nlohmann::ordered_json::parse(settings["--options"]), seed,
                         settings["--verbose"] != "0");
            std::printf("%-6d %-8.0f %-20.5f %-20.5f %-12.5f %-12.5f\n", seed, metrics["epochs"], metrics[columns[0]],
                        metrics[columns[1]], metrics[columns[2]], metrics[columns[3]]);
            std::fflush(stdout);
            for (const std::string& column : columns) {
                sums[column] += metrics[column];
                squares[column] += metrics[column] * metrics[column];
            }
        }
        std::printf("%-15s", "mean");
        for (const std::string& column : columns)
            std::printf(" %.5f", sums[column] / seeds);
        std::printf("\n%-15s", "deviation");
        for (const std::string& column : columns)
            std::printf(" %.5f",
                        std::sqrt(std::fmax(0, squares[column] / seeds - sums[column] * sums[column] / seeds / seeds)));
        std::printf("\n");
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n%s\n", error.what(), error.detail().c_str(), error.hint().c_str());
        return 1;
    }
    return 0;
}
