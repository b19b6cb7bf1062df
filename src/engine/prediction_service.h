// Predictions of one session: slots that bind a model version to the columns the client sends, loading of models the
// engine does not hold, and the rows themselves. Holds no model between requests, so that unused ones can be evicted.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/batch_predictor.h"
#include "engine/received_rows.h"
#include "engine/resources.h"
#include "engine/session_port.h"
#include "engine/session_status.h"

namespace tensile {

class PredictionService {
  public:
    PredictionService(const Resources& resources, SessionStatus& status, SessionPort& port);

    void begin(const protocol::PredictBegin& message);
    void load(const Request& request);
    void predict(const Request& request);
    void end(const protocol::PredictEnd& message);

    // A model that is about to be used; nullptr when the client must send it. Loading it then waits for memory as long
    // as `queue_timeout_ms` says.
    std::shared_ptr<LoadedModel> find(const ModelKey& key, std::int32_t queue_timeout_ms);

  private:
    struct Slot {
        ModelKey key{};
        std::vector<ColumnDescription> columns;
        std::vector<int> binding;
        std::int32_t queue_timeout_ms = -1;
    };
    Slot& slot(std::uint32_t number);
    void send_predictions(const Predictor& predictor, std::uint32_t rows);

    const Resources& resources_;
    SessionStatus& status_;
    SessionPort& port_;
    BatchPredictor predictor_;
    ReceivedRows rows_;
    PredictionColumns predictions_;
    std::unordered_map<std::uint32_t, Slot> slots_;
    // The model that this session has just sent, kept until a prediction has used it: otherwise it could be evicted in
    // between for ever.
    std::shared_ptr<LoadedModel> just_loaded_;
    std::int32_t load_timeout_ms_ = -1;
};

}  // namespace tensile
