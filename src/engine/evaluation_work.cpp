// Evaluation block by block: nothing of the rows is kept but what the metrics need.
#include "engine/evaluation_work.h"

#include <utility>

#include "engine/model_messages.h"
#include "engine/served_model.h"

namespace tensile {

EvaluationWork::EvaluationWork(const Resources& resources, SessionStatus& status, SessionPort& port,
                               std::shared_ptr<LoadedModel> model, const protocol::EvaluateBegin& message)
    : port_(port),
      model_(std::move(model)),
      columns_(column_descriptions(message.columns())),
      binding_(predictor_of(*model_).bind_columns(columns_)),
      evaluation_(predictor_of(*model_).evaluation(columns_)),
      predictor_(resources.device, status.stop()),
      activity_(status, model_->stored().label(), "", "evaluating") {}

void EvaluationWork::append(const Request& request) {
    const auto& message = request.as<protocol::AppendRows>();
    const RawRows& rows = rows_.read(message.rows(), request.attached.segment, columns_);
    PredictionColumns predictions;
    predictions.keep_distributions = true;
    predictor_.run(*model_, rows, binding_, predictions);
    evaluation_->add(predictions, rows);
    send_accepted(port_);
}

void EvaluationWork::run() {
    const std::vector<TaskMetric> metrics = evaluation_->metrics();
    const RowCounts counts = evaluation_->row_counts();
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto written = write_metrics(builder, metrics);
    port_.send(protocol::CreateEvaluateReply(builder, written, counts.read, counts.used, counts.discarded));
}

}  // namespace tensile
