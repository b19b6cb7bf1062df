// One evaluation of a session: predicts the rows as they come and judges the predictions against the targets among
// them.
#pragma once

#include <memory>
#include <vector>

#include "engine/batch_predictor.h"
#include "engine/received_rows.h"
#include "engine/resources.h"
#include "engine/row_work.h"
#include "engine/session_status.h"

namespace tensile {

class EvaluationWork final : public RowWork {
  public:
    // Throws Error 42703 or 42804 when a feature or a target is missing or of another type.
    EvaluationWork(const Resources& resources, SessionStatus& status, SessionPort& port,
                   std::shared_ptr<LoadedModel> model, const protocol::EvaluateBegin& message);

    void append(const Request& request) override;
    void run() override;

  private:
    SessionPort& port_;
    std::shared_ptr<LoadedModel> model_;  // held, so that all rows meet the same weights without being sent again
    std::vector<ColumnDescription> columns_;
    std::vector<int> binding_;
    HostCharge charge_;  // of what the metrics keep; outlives it
    std::unique_ptr<Evaluation> evaluation_;
    BatchPredictor predictor_;
    ReceivedRows rows_;
    SessionStatus& status_;
    ActivityScope activity_;
};

}  // namespace tensile
