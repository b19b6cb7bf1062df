// One training of a session: takes rows, runs the job, and replies with the finished model. Knows model families by
// their interface only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/received_rows.h"
#include "engine/resources.h"
#include "engine/row_work.h"
#include "engine/session_status.h"
#include "memory/pool_share.h"
#include "models/model_family.h"
#include "runtime/inference.h"
#include "runtime/job_runner.h"

namespace tensile {

class TrainingWork final : public RowWork {
  public:
    // Checks the declaration (method, options, targets, columns); throws Error for the user's mistakes.
    // With `base`, the training goes on from that model.
    TrainingWork(const Resources& resources, SessionStatus& status, SessionPort& port,
                 const protocol::TrainBegin& message, std::shared_ptr<LoadedModel> base);

    // Answers the request: says which side tables are wanted.
    void accept();
    void append(const Request& request) override;
    void begin_side_table(const protocol::SideTableBegin& message) override;
    void run() override;

  private:
    void reply(JobRunner* runner, double seconds);

    const Resources& resources_;
    SessionStatus& status_;
    SessionPort& port_;
    TrainingRequest declaration_;
    std::string method_;
    std::int32_t queue_timeout_ms_;
    PoolShare pool_share_;
    std::vector<ColumnDescription> side_columns_;  // of the side table at hand; empty before the first
    ReceivedRows rows_;
    HostCharge charge_;                  // of the packed data set; outlives it
    std::shared_ptr<LoadedModel> base_;  // null: none
    std::unique_ptr<Training> training_;
    std::vector<TaskMetric> drift_;
    ActivityScope activity_;
};

}  // namespace tensile
