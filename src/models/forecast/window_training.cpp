// See window_training.h.
#include "models/forecast/window_training.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "models/forecast/window_driver.h"
#include "models/forecast/window_programs.h"
#include "models/precision_option.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Samples that an evaluation step takes when batches are smaller and rows are bounded.
constexpr std::int64_t kEvaluationSamples = 1024;

constexpr std::array<std::pair<std::string_view, OptimizerKind>, 3> kOptimizers = {
    {{"adam", OptimizerKind::kAdam}, {"adamw", OptimizerKind::kAdamW}, {"sgd", OptimizerKind::kSgd}}};
constexpr std::array<std::pair<std::string_view, ScheduleKind>, 3> kSchedules = {
    {{"constant", ScheduleKind::kConstant}, {"cosine", ScheduleKind::kCosine}, {"linear", ScheduleKind::kLinear}}};

template <typename Kind, std::size_t N>
Kind named(const std::array<std::pair<std::string_view, Kind>, N>& kinds, const std::string& name) {
    return std::ranges::find(kinds, name, [](const auto& kind) { return kind.first; })->second;
}

}  // namespace

std::vector<OptionDeclaration> window_training_options(const WindowTrainingDefaults& defaults) {
    return {
        {"epochs", OptionType::kInteger, defaults.epochs, 1, 100000, {}, "Most passes over the training windows."},
        {"batch_size", OptionType::kInteger, defaults.batch_size, 1, 65536, {}, "Windows of one step."},
        {"epoch_samples",
         OptionType::kInteger,
         defaults.epoch_samples,
         0,
         4e9,
         {},
         "Most windows of an epoch, drawn anew for each; 0 takes all."},
        {"patience",
         OptionType::kInteger,
         defaults.patience,
         0,
         100000,
         {},
         "Epochs without a better validation loss before training ends with the best weights; 0 never stops early."},
        {"learning_rate", OptionType::kReal, defaults.learning_rate, 1e-8, 10, {}, "Step size of the optimizer."},
        {"schedule",
         OptionType::kChoice,
         defaults.schedule,
         {},
         {},
         {"constant", "cosine", "linear"},
         "How the learning rate changes: not at all, or falling to 0 at the last epoch."},
        {"warmup_steps",
         OptionType::kInteger,
         "0",
         0,
         1e9,
         {},
         "Steps in which the learning rate rises from near 0 first."},
        {"optimizer", OptionType::kChoice, "\"adam\"", {}, {}, {"adam", "adamw", "sgd"}, "Method of gradient descent."},
        {"momentum", OptionType::kReal, "0.9", 0, 0.9999, {}, "Momentum of optimizer sgd."},
        {"weight_decay",
         OptionType::kReal,
         defaults.weight_decay,
         0,
         1,
         {},
         "Shrinking of weights: an L2 penalty, or decoupled with adamw."},
        {"clip_norm",
         OptionType::kReal,
         defaults.clip_norm,
         0,
         1e9,
         {},
         "Greatest norm of the gradient of a step; 0 sets no limit."},
        precision_option(),
    };
}

WindowTrainingSettings window_training_settings(const Options& options, std::uint64_t seed) {
    WindowTrainingSettings settings;
    settings.epochs = options.integer("epochs");
    settings.batch_size = options.integer("batch_size");
    settings.epoch_samples = options.integer("epoch_samples");
    settings.patience = options.integer("patience");
    settings.learning_rate = options.real("learning_rate");
    settings.schedule = named(kSchedules, options.choice("schedule"));
    settings.warmup_steps = options.integer("warmup_steps");
    settings.optimizer.kind = named(kOptimizers, options.choice("optimizer"));
    settings.optimizer.momentum = options.real("momentum");
    settings.optimizer.weight_decay = options.real("weight_decay");
    settings.optimizer.clip_norm = options.real("clip_norm");
    settings.seed = seed;
    return settings;
}

WindowTraining::WindowTraining(const WindowNetwork& network, const WindowSamples& samples,
                               const WindowTrainingSettings& settings, WindowJudge* judge,
                               const std::atomic<bool>* stop) {
    const std::int64_t count = samples.training_count();
    const std::int64_t validation = samples.validation_count();
    if (count == 0)
        throw Error(sqlstate::kInvalidParameterValue, "series have no window to train on",
                    "A window needs its look-back and at least one present value after it, within the part of the "
                    "history that is not held back for validation.",
                    "Lower \"look_back\", \"horizon\" or \"validation\", or give longer series.");
    if (count + validation > std::numeric_limits<std::uint32_t>::max())
        throw Error(sqlstate::kProgramLimitExceeded, "series have too many windows to train on",
                    "They have " + std::to_string(count + validation) + " windows, at most 4294967295 can be used.");

    EpochSettings epochs;
    epochs.epochs = settings.epochs;
    epochs.batch_size = settings.batch_size;
    epochs.patience = settings.patience;
    epochs.epoch_rows = settings.epoch_samples;
    epochs.judges_result = judge != nullptr;
    epochs.learning_rate = settings.learning_rate;
    epochs.schedule = settings.schedule;
    epochs.warmup_steps = settings.warmup_steps;
    epochs.seed = settings.seed;

    WindowDriver::Capacities capacities;
    capacities.training = batches_of(epochs, count).greatest();
    const std::int64_t evaluated = validation > 0 ? validation : capacities.training;
    // The memory of a step grows with its rows, and static rows are all computed.
    const std::int64_t most =
        network.needs_static_rows() ? capacities.training : std::max(capacities.training, kEvaluationSamples);
    capacities.evaluation = std::min(evaluated, most);
    epochs.evaluation_rows = capacities.evaluation;

    const Optimizer optimizer(settings.optimizer);
    const WindowProgramBuilder builder(network, optimizer);
    for (const Parameter& parameter : network.parameters())
        job_.variables.push_back(parameter.variable);
    std::ranges::move(builder.optimizer_state(), std::back_inserter(job_.variables));
    job_.programs.push_back(builder.training(capacities.training));
    job_.programs.push_back(builder.evaluation(capacities.evaluation));
    if (validation > 0 && settings.patience > 0) {
        std::ranges::move(builder.best_weights(), std::back_inserter(job_.variables));
        job_.programs.push_back(builder.keep_best());
        job_.programs.push_back(builder.restore_best());
    }
    auto driver = std::make_unique<WindowDriver>(samples, network.inputs().size() + network.targets().size(), optimizer,
                                                 epochs, capacities, judge, stop);
    driver_ = driver.get();
    job_.driver = std::move(driver);
}

WindowTraining::~WindowTraining() = default;

TrainingProgress WindowTraining::progress() const {
    return driver_->progress();
}

std::vector<LogLine> WindowTraining::take_log() {
    return driver_->take_log();
}

bool WindowTraining::stopped_early() const {
    return driver_->course().stopped_early();
}

std::int64_t WindowTraining::epochs_run() const {
    return driver_->course().epoch();
}

std::int64_t WindowTraining::best_epoch() const {
    return driver_->course().best_epoch();
}

double WindowTraining::validation_loss() const {
    return driver_->course().best_loss();
}

}  // namespace tensile
