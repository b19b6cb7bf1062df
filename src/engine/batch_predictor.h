// Runs rows through a loaded model: borrows contexts, encodes, launches, decodes. One per session, whose thread is the
// only one that uses it. Knows no message.
#pragma once

#include <memory>
#include <span>

#include "device/device.h"
#include "models/model_family.h"
#include "runtime/inference.h"

namespace tensile {

class BatchPredictor {
  public:
    BatchPredictor(Device& device, const StopFlag& stop) : device_(device), stop_(stop) {}

    // Appends one prediction a row to `result`; `binding` comes from Predictor::bind_columns. Throws Error 57014 when
    // the session's stop flag is set.
    void run(LoadedModel& model, const RawRows& rows, std::span<const int> binding, PredictionColumns& result);

  private:
    Device& device_;
    const StopFlag& stop_;
    std::unique_ptr<Stream> stream_;  // made at the first use: many sessions never predict
};

// The end of work whose session is to stop.
[[noreturn]] void throw_stopped();

}  // namespace tensile
