// Evaluation block by block: nothing of the rows is kept but what the metrics need.
#include "engine/evaluation_work.h"

#include <utility>

#include "engine/model_messages.h"
#include "engine/served_model.h"

namespace tensile {

namespace {

// A score and a target that metrics over all rows (auc) keep of each row and task.
constexpr std::uint64_t kBytesPerJudgement = 16;

}  // namespace

EvaluationWork::EvaluationWork(const Resources& resources, SessionStatus& status, SessionPort& port,
                               std::shared_ptr<LoadedModel> model, const protocol::EvaluateBegin& message)
    : port_(port),
      model_(std::move(model)),
      columns_(column_descriptions(message.columns())),
      binding_(predictor_of(*model_).bind_columns(columns_)),
      charge_(resources.host.charge(0)),
      evaluation_(predictor_of(*model_).evaluation(columns_)),
      predictor_(resources.device, status.stop()),
      status_(status),
      activity_(status, model_->stored().label(), "", "evaluating") {}

void EvaluationWork::append(const Request& request) {
    const auto& message = request.as<protocol::AppendRows>();
    const RawRows& rows = rows_.read(message.rows(), request.attached.segment, columns_);
    const std::size_t tasks = predictor_of(*model_).outputs().size();
    charge_.resize(charge_.bytes() + static_cast<std::uint64_t>(rows.count) * tasks * kBytesPerJudgement);
    PredictionColumns predictions;
    predictions.keep_distributions = true;
    predictor_.run(*model_, rows, binding_, predictions);
    evaluation_->add(predictions, rows);
    status_.add_rows(rows.count);
    send_accepted(port_);
}

void EvaluationWork::run() {
    const std::vector<TaskMetric> metrics = evaluation_->metrics(&status_.stop());
    const RowCounts counts = evaluation_->row_counts();
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto written = write_metrics(builder, metrics);
    port_.send(protocol::CreateEvaluateReply(builder, written, counts.read, counts.used, counts.discarded));
}

}  // namespace tensile
