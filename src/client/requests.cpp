// Requests as FlatBuffers. Type names repeat from column to column and are therefore written once each.
#include "client/requests.h"

#include <cstring>
#include <vector>

#include "protocol/channel.h"

namespace tensile::client {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using flatbuffers::Vector;

flatbuffers::Offset<flatbuffers::String> text(FlatBufferBuilder& builder, std::string_view value) {
    return builder.CreateString(value.data(), value.size());
}

Offset<Vector<Offset<flatbuffers::String>>> texts(FlatBufferBuilder& builder,
                                                  std::span<const std::string_view> values) {
    std::vector<Offset<flatbuffers::String>> offsets;
    offsets.reserve(values.size());
    for (const std::string_view value : values)
        offsets.push_back(text(builder, value));
    return builder.CreateVector(offsets);
}

Offset<Vector<std::uint8_t>> key_bytes(FlatBufferBuilder& builder, const ModelKey& key) {
    return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
}

Offset<Vector<Offset<protocol::ColumnDeclaration>>> declarations(FlatBufferBuilder& builder,
                                                                 std::span<const ColumnDeclaration> columns) {
    std::vector<Offset<protocol::ColumnDeclaration>> offsets;
    offsets.reserve(columns.size());
    for (const ColumnDeclaration& column : columns) {
        const auto type_name = builder.CreateSharedString(column.type_name.data(), column.type_name.size());
        offsets.push_back(
            protocol::CreateColumnDeclaration(builder, text(builder, column.name), type_name, column.kind));
    }
    return builder.CreateVector(offsets);
}

Offset<protocol::Rows> inline_rows(FlatBufferBuilder& builder, std::span<const std::byte> block) {
    std::byte* data = nullptr;
    const auto bytes = protocol::reserve_inline_block(builder, block.size(), data);
    std::memcpy(data, block.data(), block.size());
    return protocol::CreateRows(builder, bytes);
}

Offset<protocol::Rows> segment_rows(FlatBufferBuilder& builder, std::size_t used_bytes) {
    return protocol::CreateRows(builder, 0, used_bytes);
}

}  // namespace

void request_hello(Connection& connection, const Greeting& greeting) {
    FlatBufferBuilder& builder = connection.begin();
    const auto build_id = text(builder, greeting.build_id);
    const auto user = text(builder, greeting.user_name);
    const auto database = text(builder, greeting.database_name);
    const auto application = text(builder, greeting.application_name);
    connection.finish(protocol::CreateHello(builder, protocol::kProtocolVersion, build_id, greeting.backend_pid, user,
                                            database, application));
}

void request_training(Connection& connection, const TrainingDeclaration& training) {
    FlatBufferBuilder& builder = connection.begin();
    const auto model = text(builder, training.model_name);
    const auto method = text(builder, training.method);
    const auto options = text(builder, training.options_json);
    const auto target_names = texts(builder, training.targets);
    const auto columns = declarations(builder, training.columns);
    const auto profiles = texts(builder, training.cost_profiles);
    const auto base = training.base == nullptr ? Offset<Vector<std::uint8_t>>() : key_bytes(builder, *training.base);
    connection.finish(protocol::CreateTrainBegin(builder, model, method, options, target_names, columns,
                                                 training.queue_timeout_ms, profiles, training.max_pool_share, base));
}

void request_side_table(Connection& connection, std::uint32_t index, std::span<const ColumnDeclaration> columns) {
    FlatBufferBuilder& builder = connection.begin();
    const auto columns_offset = declarations(builder, columns);
    connection.finish(protocol::CreateSideTableBegin(builder, index, columns_offset));
}

void request_series(Connection& connection, const ModelKey& key, const SeriesDeclaration& series) {
    FlatBufferBuilder& builder = connection.begin();
    const auto key_offset = key_bytes(builder, key);
    const auto columns = series.columns.empty() ? Offset<Vector<Offset<protocol::ColumnDeclaration>>>()
                                                : declarations(builder, series.columns);
    connection.finish(protocol::CreateSeriesBegin(builder, key_offset, series.task, series.horizon, series.level,
                                                  series.folds, columns, series.queue_timeout_ms,
                                                  series.max_pool_share));
}

void request_evaluation(Connection& connection, const ModelKey& key, std::span<const ColumnDeclaration> columns,
                        std::int32_t queue_timeout_ms) {
    FlatBufferBuilder& builder = connection.begin();
    const auto key_offset = key_bytes(builder, key);
    const auto columns_offset = declarations(builder, columns);
    connection.finish(protocol::CreateEvaluateBegin(builder, key_offset, columns_offset, queue_timeout_ms));
}

void request_append(Connection& connection, std::span<const std::byte> block) {
    FlatBufferBuilder& builder = connection.begin();
    connection.finish(protocol::CreateAppendRows(builder, inline_rows(builder, block)));
}

void request_append(Connection& connection, const protocol::Segment& segment, std::size_t used_bytes) {
    FlatBufferBuilder& builder = connection.begin();
    connection.finish(protocol::CreateAppendRows(builder, segment_rows(builder, used_bytes)), segment.descriptor());
}

void request_run(Connection& connection) {
    FlatBufferBuilder& builder = connection.begin();
    connection.finish(protocol::CreateRun(builder));
}

void request_prediction(Connection& connection, std::uint32_t slot, const ModelKey& key,
                        std::span<const ColumnDeclaration> columns, std::int32_t queue_timeout_ms) {
    FlatBufferBuilder& builder = connection.begin();
    const auto key_offset = key_bytes(builder, key);
    const auto columns_offset = declarations(builder, columns);
    connection.finish(protocol::CreatePredictBegin(builder, slot, key_offset, columns_offset, queue_timeout_ms));
}

void request_load(Connection& connection, const ModelKey& key, const protocol::Segment& segment,
                  std::size_t manifest_bytes, std::size_t weight_bytes) {
    FlatBufferBuilder& builder = connection.begin();
    const auto key_offset = key_bytes(builder, key);
    connection.finish(protocol::CreateLoadModel(builder, key_offset, manifest_bytes, weight_bytes),
                      segment.descriptor());
}

void request_predict(Connection& connection, std::uint32_t slot, std::span<const std::byte> block) {
    FlatBufferBuilder& builder = connection.begin();
    const auto rows = inline_rows(builder, block);
    connection.finish(protocol::CreatePredict(builder, slot, rows));
}

void request_predict(Connection& connection, std::uint32_t slot, const protocol::Segment& segment,
                     std::size_t used_bytes) {
    FlatBufferBuilder& builder = connection.begin();
    const auto rows = segment_rows(builder, used_bytes);
    connection.finish(protocol::CreatePredict(builder, slot, rows), segment.descriptor());
}

void request_end_prediction(Connection& connection, std::uint32_t slot) {
    FlatBufferBuilder& builder = connection.begin();
    connection.finish(protocol::CreatePredictEnd(builder, slot));
}

void request_monitor(Connection& connection, std::string_view view) {
    FlatBufferBuilder& builder = connection.begin();
    connection.finish(protocol::CreateMonitorRequest(builder, text(builder, view)));
}

void request_plan(Connection& connection, std::string_view model, std::string_view user_name) {
    FlatBufferBuilder& builder = connection.begin();
    const auto view = text(builder, "plan");
    const auto model_name = text(builder, model);
    connection.finish(protocol::CreateMonitorRequest(builder, view, model_name, text(builder, user_name)));
}

}  // namespace tensile::client
