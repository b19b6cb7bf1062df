// Training: rows, job, model.
#include "engine/training_work.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "engine/batch_predictor.h"
#include "engine/cost_profile.h"
#include "engine/device_record.h"
#include "engine/drift.h"
#include "engine/model_hash.h"
#include "engine/model_messages.h"
#include "engine/plan_view.h"
#include "engine/queue_timeout.h"
#include "engine/served_model.h"
#include "engine/trained_weights.h"
#include "engine/training_reporter.h"
#include "models/series/series_training.h"
#include "runtime/job_runner.h"

namespace tensile {

namespace {

TrainingRequest declaration_from(const protocol::TrainBegin& message) {
    TrainingRequest request;
    request.model_name = protocol::text_of(message.model_name());
    request.options_json = message.options_json() == nullptr ? "{}" : protocol::text_of(message.options_json());
    if (message.targets() != nullptr)
        for (const flatbuffers::String* target : *message.targets())
            request.targets.emplace_back(protocol::text_of(target));
    request.columns = column_descriptions(message.columns());
    return request;
}

// Shows the runner's tensors to other sessions for as long as this lives.
class PublishedRunner {
  public:
    PublishedRunner(SessionStatus& status, const JobRunner& runner) : status_(status) { status_.set_runner(&runner); }
    ~PublishedRunner() { status_.set_runner(nullptr); }
    PublishedRunner(const PublishedRunner&) = delete;
    PublishedRunner& operator=(const PublishedRunner&) = delete;

  private:
    SessionStatus& status_;
};

std::unique_ptr<Training> start_training(const std::string& method, const TrainingRequest& declaration,
                                         const LoadedModel* base) {
    const ModelFamily& family = family_named(method);
    if (base == nullptr) return family.train(declaration);
    return family.refresh(declaration, shared_predictor_of(*base), base->read_weights());
}

}  // namespace

TrainingWork::TrainingWork(const Resources& resources, SessionStatus& status, SessionPort& port,
                           const protocol::TrainBegin& message, std::shared_ptr<LoadedModel> base)
    : resources_(resources),
      status_(status),
      port_(port),
      declaration_(declaration_from(message)),
      method_(protocol::text_of(message.method())),
      queue_timeout_ms_(message.queue_timeout_ms()),
      pool_share_(message.max_pool_share()),
      charge_(resources.host.charge(0)),
      base_(std::move(base)),
      training_(start_training(method_, declaration_, base_.get())),
      activity_(status, declaration_.model_name, method_, "reading") {
    require_precision(resources.device, training_->precision());
    if (message.cost_profiles() == nullptr) return;
    const DeviceProperties& device = resources.device.properties();
    for (const flatbuffers::String* stored : *message.cost_profiles()) {
        const std::string_view profile = protocol::text_of(stored);
        merge_cost_profile(profile, device, resources.device.threads(), resources.jobs.costs);
        resources.device.merge_algorithm_choices(algorithm_choices_in(profile, device));
    }
}

void TrainingWork::accept() {
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    std::vector<flatbuffers::Offset<protocol::SideTable>> tables;
    for (const SideTable& table : training_->side_tables()) {
        const auto name = builder.CreateString(table.name);
        tables.push_back(protocol::CreateSideTable(builder, name, builder.CreateString(table.relation)));
    }
    port_.send(protocol::CreateAccepted(builder, builder.CreateVector(tables)));
}

void TrainingWork::begin_side_table(const protocol::SideTableBegin& message) {
    side_columns_ = column_descriptions(message.columns());
    if (message.index() >= training_->side_tables().size()) throw ProtocolViolation("unknown side table");
    training_->begin_side_table(message.index(), side_columns_);
    send_accepted(port_);
}

void TrainingWork::append(const Request& request) {
    const auto& message = request.as<protocol::AppendRows>();
    const RawRows& rows = rows_.read(message.rows(), request.attached.segment,
                                     side_columns_.empty() ? declaration_.columns : side_columns_);
    training_->append_rows(rows);
    charge_.resize(training_->bytes());
    status_.add_rows(rows.count);
    send_accepted(port_);
}

void TrainingWork::run() {
    const auto began = std::chrono::steady_clock::now();
    TrainingReporter reporter(*training_, status_, port_);
    reporter.enter("packing");
    training_->finish_rows(&status_.stop());
    charge_.resize(training_->bytes());
    if (status_.stop()) throw_stopped();
    if (const auto* series = dynamic_cast<const SeriesTraining*>(training_.get());
        base_ != nullptr && series != nullptr)
        drift_ = drift_of(resources_, base_, series->data().table, status_.stop());

    const auto seconds = [began] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    if (training_->job().programs.empty()) {
        reporter.finish();
        return reply(nullptr, seconds());
    }
    JobRunner runner(resources_.device, resources_.arbiter, training_->job(), declaration_.model_name,
                     training_->precision());
    reporter.enter("queued");
    const PoolOwner owner{status_.id(), status_.identity().backend_pid, "train", declaration_.model_name};
    runner.admit(resources_.jobs, owner, queue_timeout(queue_timeout_ms_), &status_.stop(), pool_share_);
    const PublishedRunner published(status_, runner);
    reporter.enter("training");
    runner.run(&status_.stop(), [&reporter] { reporter.after_step(); });
    reporter.finish();
    std::vector<PlanRow> plan = runner.plan();
    keep_telling_rows(plan, kMaxPlanRows);
    send_plan(plan, port_);
    reply(&runner, seconds());
}

void TrainingWork::reply(JobRunner* runner, double seconds) {
    const std::string manifest = with_device(training_->manifest(), resources_.device.properties());
    // Made ready to predict once before anybody stores it; this also tells where each weight belongs.
    const std::unique_ptr<Predictor> layout = predictor_from(manifest);
    const std::uint64_t weight_bytes = layout->weight_bytes();
    ChargedSegment segment = port_.create_segment(manifest.size() + weight_bytes);
    const std::span<std::byte> content = segment.segment.bytes();
    std::memcpy(content.data(), manifest.data(), manifest.size());
    const std::span<std::byte> weights = content.subspan(manifest.size());
    write_weights(*training_, runner, *layout, weights);
    const ModelKey key = hash_model(content.first(manifest.size()), weights);

    const RowCounts counts = training_->row_counts();
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto key_bytes = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
    std::vector<TaskMetric> metric_rows = training_->metrics();
    std::ranges::move(drift_, std::back_inserter(metric_rows));
    const auto metrics = write_metrics(builder, metric_rows);
    std::string profile;
    if (runner != nullptr)
        profile = write_cost_profile(resources_.device.properties(), resources_.device.threads(),
                                     runner->cost_figures(kMaxProfileFigures), runner->algorithm_choices());
    const auto stored_profile =
        profile.empty() ? flatbuffers::Offset<flatbuffers::String>() : builder.CreateString(profile);
    port_.send(protocol::CreateTrainReply(builder, key_bytes, manifest.size(), weight_bytes, metrics, counts.read,
                                          counts.used, counts.discarded, training_->progress().epoch, seconds,
                                          training_->stopped_early(), stored_profile),
               std::move(segment));
}

}  // namespace tensile
