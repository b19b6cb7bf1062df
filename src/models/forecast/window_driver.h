// Decides the course of a training on windows: feeds samples, reads losses, and passes what the final weights predict
// to a judge. A deterministic state machine over what programs read back; it knows no device.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "models/epoch_course.h"
#include "models/forecast/window_network.h"

namespace tensile {

class WindowDriver final : public Driver {
  public:
    // Positions of the job's programs; the last two are there when the course keeps the best weights.
    enum ProgramIndex : std::uint8_t { kTrain, kEvaluate, kKeepBest, kRestoreBest };
    struct Capacities {
        std::int64_t training = 0;
        std::int64_t evaluation = 0;
    };

    // `sample_inputs`: how many inputs of a program belong to a sample. `samples`, `judge` (which may be null) and
    // `stop` (too) outlive the driver.
    WindowDriver(const WindowSamples& samples, std::size_t sample_inputs, const Optimizer& optimizer,
                 const EpochSettings& settings, const Capacities& capacities, WindowJudge* judge,
                 const std::atomic<bool>* stop);

    std::optional<int> next() override;
    void feed(int program, Feeds feeds) override;
    std::int64_t feed_row_count(int program) const override;
    void feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override;
    void observe(int program, std::span<const TensorView> outputs) override;
    std::string save_state() const override;
    void restore_state(const std::string& state) override;

    const EpochCourse& course() const { return course_; }
    TrainingProgress progress() const { return course_.progress(last_loss_); }
    std::vector<LogLine> take_log() { return course_.take_log(); }

  private:
    void after_training_step(std::span<const TensorView> outputs);
    void after_evaluation_step(std::span<const TensorView> outputs);
    void end_epoch();

    const WindowSamples& samples_;
    std::size_t sample_inputs_;
    Optimizer optimizer_;
    std::uint64_t seed_;
    Capacities capacities_;
    WindowJudge* judge_;
    const std::atomic<bool>* stop_;
    std::vector<std::uint32_t> training_samples_;
    std::vector<std::uint32_t> validation_samples_;
    EpochCourse course_;

    // The state of the machine beside the course: sums over the epoch's batches.
    double training_errors_ = 0;
    double training_weights_ = 0;
    double last_loss_ = 0;
    // Sums over the evaluation at hand.
    double validation_errors_ = 0;
    double validation_weights_ = 0;
};

}  // namespace tensile
