// The prediction path. The case of one row matters most: its memory is used again from request to request.
#include "engine/prediction_service.h"

#include <string>
#include <utility>

#include "engine/model_hash.h"
#include "engine/model_messages.h"
#include "engine/prediction_block.h"
#include "engine/queue_timeout.h"
#include "engine/served_model.h"

namespace tensile {

namespace {

constexpr std::size_t kMaxSlots = 1024;
// Larger blocks go into a segment.
constexpr std::size_t kMaxInlineBlock = 128 * 1024;

// Requests of up to this many rows keep their working memory for the next one; that of larger ones is charged to the
// host budget and given back.
constexpr std::int64_t kKeptRows = 4096;
// Of one output of one row: value, class, label and a copy of the row's text.
constexpr std::uint64_t kWorkingBytes = 40;

void clear(PredictionColumns& predictions, std::size_t outputs) {
    predictions.values.resize(outputs);
    predictions.classes.resize(outputs);
    for (std::vector<double>& values : predictions.values)
        values.clear();
    for (std::vector<std::int32_t>& classes : predictions.classes)
        classes.clear();
}

}  // namespace

PredictionService::PredictionService(const Resources& resources, SessionStatus& status, SessionPort& port)
    : resources_(resources), status_(status), port_(port), predictor_(resources.device, status.stop()) {}

std::shared_ptr<LoadedModel> PredictionService::find(const ModelKey& key, std::int32_t queue_timeout_ms) {
    load_timeout_ms_ = queue_timeout_ms;
    std::shared_ptr<LoadedModel> model = std::exchange(just_loaded_, nullptr);
    if (model != nullptr && model->key() == key) return model;
    return resources_.models.find(key);
}

void PredictionService::begin(const protocol::PredictBegin& message) {
    const ModelKey key = model_key(message.model_key());
    const bool sent_by_us = just_loaded_ != nullptr;
    const std::shared_ptr<LoadedModel> model = find(key, message.queue_timeout_ms());
    if (model == nullptr) return send_need_model(port_);
    if (slots_.size() >= kMaxSlots && !slots_.contains(message.slot()))
        throw Error(sqlstate::kProgramLimitExceeded, "too many models are in use by one session",
                    "A session can predict with at most " + std::to_string(kMaxSlots) + " models at once.");

    const Predictor& predictor = predictor_of(*model);
    Slot slot;
    slot.key = key;
    slot.columns = column_descriptions(message.columns());
    slot.binding = predictor.bind_columns(slot.columns);
    slot.queue_timeout_ms = message.queue_timeout_ms();
    slots_.insert_or_assign(message.slot(), std::move(slot));
    if (sent_by_us) just_loaded_ = model;

    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    std::vector<flatbuffers::Offset<protocol::OutputDeclaration>> outputs;
    for (const PredictionOutput& output : predictor.outputs()) {
        const auto task = builder.CreateString(output.task);
        const auto kind = builder.CreateString(output.kind);
        outputs.push_back(
            protocol::CreateOutputDeclaration(builder, task, kind, builder.CreateString(output.type_name)));
    }
    port_.send(protocol::CreatePredictReady(builder, builder.CreateVector(outputs)));
}

void PredictionService::load(const Request& request) {
    const auto& message = request.as<protocol::LoadModel>();
    const ModelKey key = model_key(message.model_key());
    const std::span<const std::byte> content = request.attached.segment.bytes();
    const std::uint64_t manifest_bytes = message.manifest_bytes();
    if (manifest_bytes > content.size() || message.weight_bytes() > content.size() - manifest_bytes)
        throw ProtocolViolation("model exceeds its segment");
    // A copy, because the manifest must not change between its check and its use.
    const std::string manifest(reinterpret_cast<const char*>(content.data()), manifest_bytes);
    const std::span<const std::byte> weights = content.subspan(manifest_bytes, message.weight_bytes());
    if (hash_model(std::as_bytes(std::span(manifest)), weights) != key)
        throw Error(sqlstate::kDataCorrupted, "data of the model do not match their checksum",
                    "The SHA-256 hash of manifest and weights differs from the one stored with the model.");
    just_loaded_ = load_model(resources_, key, manifest, weights, load_timeout_ms_, status_.stop());
    send_accepted(port_);
}

PredictionService::Slot& PredictionService::slot(std::uint32_t number) {
    const auto found = slots_.find(number);
    if (found == slots_.end()) throw ProtocolViolation("prediction in a slot that was not begun");
    return found->second;
}

void PredictionService::predict(const Request& request) {
    const auto& message = request.as<protocol::Predict>();
    const Slot& bound = slot(message.slot());
    const std::shared_ptr<LoadedModel> model = find(bound.key, bound.queue_timeout_ms);
    if (model == nullptr) return send_need_model(port_);

    const RawRows& rows = rows_.read(message.rows(), request.attached.segment, bound.columns);
    const Predictor& predictor = predictor_of(*model);
    const std::size_t outputs = predictor.outputs().size();
    const bool large = rows.count > kKeptRows;
    HostCharge working;
    if (large) working = resources_.host.charge(static_cast<std::uint64_t>(rows.count) * outputs * kWorkingBytes);
    // Whichever way a large request ends, its memory is not kept.
    struct Release {
        PredictionService& service;
        bool large;
        ~Release() {
            if (!large) return;
            service.predictions_ = {};
            service.rows_ = {};
        }
    };
    const Release release{*this, large};
    clear(predictions_, outputs);
    predictor_.run(*model, rows, bound.binding, predictions_);
    send_predictions(predictor, static_cast<std::uint32_t>(rows.count));
}

void PredictionService::send_predictions(const Predictor& predictor, std::uint32_t rows) {
    const PredictionBlock block(predictor, predictions_, rows);
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    if (block.bytes() <= kMaxInlineBlock) {
        std::byte* data = nullptr;
        const auto bytes = protocol::reserve_inline_block(builder, block.bytes(), data);
        block.write({data, block.bytes()});
        const auto inline_rows = protocol::CreateRows(builder, bytes);
        port_.send(protocol::CreatePredictReply(builder, inline_rows));
        return;
    }
    ChargedSegment segment = port_.create_segment(block.bytes());
    block.write(segment.segment.bytes());
    const auto segment_rows = protocol::CreateRows(builder, 0, block.bytes());
    port_.send(protocol::CreatePredictReply(builder, segment_rows), std::move(segment));
}

void PredictionService::end(const protocol::PredictEnd& message) {
    slots_.erase(message.slot());
    send_accepted(port_);
}

}  // namespace tensile
