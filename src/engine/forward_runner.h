// Runs the forward program of a loaded model for a forecaster, over borrowed contexts. One a session at a time, whose
// thread is the only one that uses it. Knows no message.
#pragma once

#include <memory>

#include "device/device.h"
#include "models/series/series_method.h"
#include "runtime/inference.h"

namespace tensile {

class ContextRunner final : public ForwardRunner {
  public:
    ContextRunner(Device& device, std::shared_ptr<LoadedModel> model, const StopFlag& stop)
        : device_(device), model_(std::move(model)), stop_(stop) {}

    // Throws Error 57014 when the stop flag is set.
    void run(std::int64_t rows, const Fill& fill, const Take& take) override;

  private:
    Device& device_;
    std::shared_ptr<LoadedModel> model_;
    const StopFlag& stop_;
    std::unique_ptr<Stream> stream_;  // made at the first use: a closed form runs nothing
};

}  // namespace tensile
