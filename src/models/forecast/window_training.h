// Training of a network on windows of series: job and driver from a network, its samples and settings. Epochs of
// shuffled samples, early stopping on the validation loss with the best weights kept (models/epoch_course.h), then a
// last look at the validation samples with the final weights. Knows no method and no table of series.
//
// A batch is one step: a loss that divides by the present targets of the whole batch needs no slices.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "graph/job.h"
#include "models/epoch_course.h"
#include "models/forecast/window_network.h"
#include "models/options.h"

namespace tensile {

struct WindowTrainingSettings {
    std::int64_t epochs = 20;
    std::int64_t batch_size = 64;
    std::int64_t patience = 5;
    std::int64_t epoch_samples = 0;  // most samples of one epoch; 0: all
    double learning_rate = 0.001;
    ScheduleKind schedule = ScheduleKind::kConstant;
    std::int64_t warmup_steps = 0;
    OptimizerSettings optimizer;
    std::uint64_t seed = 0;
};

// Defaults in JSON, as methods differ in what suits them.
struct WindowTrainingDefaults {
    std::string_view epochs = "20";
    std::string_view batch_size = "64";
    std::string_view patience = "5";
    std::string_view epoch_samples = "0";
    std::string_view learning_rate = "0.001";
    std::string_view schedule = "\"constant\"";
    std::string_view clip_norm = "0";
    std::string_view weight_decay = "0";
};
// The options that describe the training, for a method to append to its own.
std::vector<OptionDeclaration> window_training_options(const WindowTrainingDefaults& defaults);
WindowTrainingSettings window_training_settings(const Options& options, std::uint64_t seed);

class WindowDriver;

class WindowTraining {
  public:
    // `network`, `samples`, `judge` and `stop` outlive the training; the last two may be null. Throws Error 22023 when
    // there is no sample to train on.
    WindowTraining(const WindowNetwork& network, const WindowSamples& samples, const WindowTrainingSettings& settings,
                   WindowJudge* judge, const std::atomic<bool>* stop);
    ~WindowTraining();

    Job& job() { return job_; }
    TrainingProgress progress() const;
    std::vector<LogLine> take_log();
    bool stopped_early() const;
    std::int64_t epochs_run() const;
    // The epoch whose weights are the result, and its mean validation error (0 without validation samples).
    std::int64_t best_epoch() const;
    double validation_loss() const;

  private:
    Job job_;
    WindowDriver* driver_ = nullptr;
};

}  // namespace tensile
