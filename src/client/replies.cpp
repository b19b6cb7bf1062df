// Decoding of replies.
#include "client/replies.h"

#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace tensile::client {

namespace {

[[noreturn]] void throw_malformed(const std::string& detail) {
    throw Error(sqlstate::kProtocolViolation, "malformed reply from the tensile engine", detail);
}

std::string string_of(const flatbuffers::String* text) {
    return std::string(protocol::text_of(text));
}

std::vector<Metric> metrics_of(const flatbuffers::Vector<flatbuffers::Offset<protocol::Metric>>* metrics) {
    std::vector<Metric> result;
    if (metrics == nullptr) return result;
    result.reserve(metrics->size());
    for (const protocol::Metric* metric : *metrics)
        result.push_back({string_of(metric->task()), string_of(metric->name()), metric->value()});
    return result;
}

// The block of a reply's rows, inline or in its segment.
protocol::BlockView rows_of(const Reply& reply, const protocol::Rows* rows) {
    if (rows == nullptr) throw_malformed("The reply holds no rows.");
    std::span<const std::byte> block = protocol::bytes_of(rows->inline_bytes());
    if (rows->segment_bytes() != 0) {
        if (rows->segment_bytes() > reply.segment.bytes().size())
            throw_malformed("The rows do not fit into their segment.");
        block = reply.segment.bytes().first(rows->segment_bytes());
    }
    std::string problem;
    std::optional<protocol::BlockView> view = protocol::validate(block, problem);
    if (!view) throw_malformed(problem + ".");
    return std::move(*view);
}

}  // namespace

void throw_unexpected_reply(const Reply& reply) {
    throw Error(sqlstate::kProtocolViolation, "unexpected reply from the tensile engine",
                std::string("The message is of type ") + protocol::EnumNameMessage(reply.type()) + ".");
}

TrainedModel trained_model(Reply reply) {
    const auto& message = expect<protocol::TrainReply>(reply);
    TrainedModel model;
    const std::span<const std::byte> key = protocol::bytes_of(message.key());
    if (key.size() != model.key.size()) throw_malformed("The model's key is not a SHA-256 hash.");
    std::memcpy(model.key.data(), key.data(), key.size());
    const std::span<const std::byte> content = reply.segment.bytes();
    const std::uint64_t manifest_bytes = message.manifest_bytes();
    const std::uint64_t weight_bytes = message.weight_bytes();
    if (manifest_bytes > content.size() || weight_bytes > content.size() - manifest_bytes)
        throw_malformed("The model does not fit into its segment.");
    model.manifest = {reinterpret_cast<const char*>(content.data()), manifest_bytes};
    model.weights = content.subspan(manifest_bytes, weight_bytes);
    model.metrics = metrics_of(message.metrics());
    model.rows_read = message.rows_read();
    model.rows_used = message.rows_used();
    model.rows_discarded = message.rows_discarded();
    model.epochs_run = message.epochs_run();
    model.seconds = message.seconds();
    model.stopped_early = message.stopped_early();
    model.cost_profile = string_of(message.cost_profile());
    model.segment = std::move(reply.segment);
    return model;
}

std::vector<SideTable> side_tables(const Reply& reply) {
    const auto& message = expect<protocol::Accepted>(reply);
    std::vector<SideTable> tables;
    if (message.side_tables() != nullptr)
        for (const protocol::SideTable* table : *message.side_tables())
            tables.push_back({string_of(table->name()), string_of(table->relation())});
    return tables;
}

Evaluation evaluation(const Reply& reply) {
    const auto& message = expect<protocol::EvaluateReply>(reply);
    return {metrics_of(message.metrics()), message.rows_read(), message.rows_used(), message.rows_discarded()};
}

std::optional<std::vector<OutputDeclaration>> prediction_outputs(const Reply& reply) {
    if (reply.as<protocol::NeedModel>() != nullptr) return std::nullopt;
    const auto& message = expect<protocol::PredictReady>(reply);
    std::vector<OutputDeclaration> outputs;
    if (message.outputs() != nullptr)
        for (const protocol::OutputDeclaration* output : *message.outputs())
            outputs.push_back({string_of(output->task()), string_of(output->kind()), string_of(output->type_name())});
    return outputs;
}

std::optional<Prediction> prediction(Reply reply) {
    if (reply.as<protocol::NeedModel>() != nullptr) return std::nullopt;
    protocol::BlockView view = rows_of(reply, expect<protocol::PredictReply>(reply).rows());
    return Prediction{std::move(reply.segment), std::move(view)};
}

SeriesResult series_result(Reply reply) {
    const auto& message = expect<protocol::SeriesReply>(reply);
    SeriesResult result;
    if (message.modes() != nullptr)
        for (const protocol::SeriesMode* mode : *message.modes())
            result.modes.push_back({string_of(mode->name()), string_of(mode->type_name())});
    if (message.time() != nullptr)
        result.time = {string_of(message.time()->name()), string_of(message.time()->type_name())};
    result.step = string_of(message.step());
    if (message.rows() != nullptr) result.view = rows_of(reply, message.rows());
    result.segment = std::move(reply.segment);
    return result;
}

namespace {

void append_rows(const protocol::MonitorReply& message, MonitorTable& table) {
    if (message.columns() != nullptr && table.columns.empty())
        for (const protocol::MonitorColumn* column : *message.columns())
            table.columns.push_back(string_of(column->name()));
    if (message.rows() != nullptr) {
        for (const protocol::MonitorRow* row : *message.rows()) {
            std::vector<std::optional<std::string>>& cells = table.rows.emplace_back();
            cells.reserve(table.columns.size());
            if (row->cells() != nullptr)
                for (const protocol::MonitorCell* cell : *row->cells())
                    cells.push_back(cell->value() == nullptr ? std::nullopt : std::optional(string_of(cell->value())));
            if (cells.size() != table.columns.size()) throw_malformed("A row of a view has too few or too many cells.");
        }
    }
}

}  // namespace

bool append_monitor_rows(const Reply& reply, MonitorTable& table) {
    const auto& message = expect<protocol::MonitorReply>(reply);
    append_rows(message, table);
    return message.more();
}

void append_plan_rows(const protocol::TrainPlan& plan, MonitorTable& table) {
    if (plan.part() == nullptr) throw_malformed("A part of the plan holds no rows.");
    append_rows(*plan.part(), table);
}

}  // namespace tensile::client
