// See model_session.h.
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "pg/boundary.h"
#include "pg/settings.h"
#include "protocol/segment.h"
#include "tensor/error.h"

#include "pg/model_session.h"

namespace tensile {
namespace {

// How often a model may be evicted between being sent and being used, before that is an error.
constexpr int kMaxLoads = 5;

}  // namespace

std::vector<client::ColumnDeclaration> declare_columns(const ColumnConverters& converters) {
    std::vector<client::ColumnDeclaration> columns;
    columns.reserve(static_cast<std::size_t>(converters.count));
    for (int i = 0; i < converters.count; ++i) {
        const ColumnConverter& column = converters.columns[i];
        columns.push_back({column.utf8_name, column.type_name, static_cast<protocol::ColumnKind>(column.role)});
    }
    return columns;
}

client::ModelKey key_of(const ModelVersion& version) {
    client::ModelKey key{};
    static_assert(sizeof(key) == sizeof(version.key));
    std::memcpy(key.data(), version.key, sizeof(key));
    return key;
}

void load_model(EngineSession& engine, const ModelVersion& version) {
    const std::span<const char> manifest = call_postgres([&] { return read_manifest(version.version); });
    const auto weight_bytes = static_cast<std::size_t>(version.weight_bytes);
    std::optional<protocol::Segment> segment = protocol::Segment::create(manifest.size() + weight_bytes);
    if (!segment)
        throw Error(sqlstate::kOutOfMemory, "could not allocate memory to send a model",
                    std::string(std::strerror(errno)) + ".");
    std::memcpy(segment->bytes().data(), manifest.data(), manifest.size());
    const std::span<std::byte> weights = segment->bytes().subspan(manifest.size(), weight_bytes);
    call_postgres([&] { read_weights(version.version, weights); });
    client::request_load(engine.connection(), key_of(version), *segment, manifest.size(), weight_bytes);
    client::expect<protocol::Accepted>(engine.exchange());
}

client::Reply exchange_with_model(EngineSession& engine, const ModelVersion& version,
                                  const std::function<void(client::Connection&)>& write_request) {
    for (int loads = 0;; ++loads) {
        write_request(engine.connection());
        client::Reply reply = engine.exchange();
        if (reply.as<protocol::NeedModel>() == nullptr) return reply;
        if (loads == kMaxLoads)
            throw Error(sqlstate::kOutOfMemory, "the tensile engine could not keep the model in memory", {},
                        "Increase tensile.pool_size, or run fewer models at once.");
        load_model(engine, version);
    }
}

std::vector<client::OutputDeclaration> open_prediction(EngineSession& engine, std::uint32_t slot,
                                                       const ModelVersion& version,
                                                       const ColumnConverters& converters) {
    const std::vector<client::ColumnDeclaration> columns = declare_columns(converters);
    const client::Reply reply = exchange_with_model(engine, version, [&](client::Connection& connection) {
        client::request_prediction(connection, slot, key_of(version), columns, queue_timeout_ms());
    });
    std::optional<std::vector<client::OutputDeclaration>> outputs = client::prediction_outputs(reply);
    if (!outputs) client::throw_unexpected_reply(reply);
    return std::move(*outputs);
}

WantedColumns wanted_columns(const ModelVersion& version, ColumnUse use) {
    const ModelColumns columns = read_columns(version.version, use);
    return {columns.count, columns.names, columns.types};
}

const char* to_utf8(const char* text) {
    return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

const char* from_utf8(const char* text) {
    return pg_any_to_server(text, static_cast<int>(strlen(text)), PG_UTF8);
}

}  // namespace tensile
