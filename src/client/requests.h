// Writes each kind of request into a connection. Nothing is sent before flush() (connection.h); rows that are given as
// bytes are copied at once, segments must stay open until flush() has returned true. The replies that answer a request
// are named in protocol/messages.fbs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "client/connection.h"

namespace tensile::client {

// SHA-256 of a model version: manifest bytes followed by weight bytes.
using ModelKey = std::array<std::byte, 32>;

// No limit on the time that a request waits for memory.
inline constexpr std::int32_t kNoQueueTimeout = -1;

// Rows up to this many bytes go inline; larger blocks need a segment.
inline constexpr std::size_t kMaxInlineRows = 128 * 1024;

struct Greeting {
    std::string_view build_id;
    std::int32_t backend_pid = 0;
    std::string_view user_name;
    std::string_view database_name;
    std::string_view application_name;
};

struct ColumnDeclaration {
    std::string_view name;
    std::string_view type_name;  // SQL type as users know it
    protocol::ColumnKind kind = protocol::ColumnKind::Number;
};

struct TrainingDeclaration {
    std::string_view model_name;
    std::string_view method;
    std::string_view options_json = "{}";
    std::span<const std::string_view> targets;
    std::span<const ColumnDeclaration> columns;
    std::int32_t queue_timeout_ms = kNoQueueTimeout;
    std::span<const std::string_view> cost_profiles = {};  // of earlier trainings, the most recent first
    double max_pool_share = 1;
    const ModelKey* base = nullptr;  // of a model whose weights the training goes on from
};

struct SeriesDeclaration {
    protocol::SeriesTask task = protocol::SeriesTask::Describe;
    std::int64_t horizon = 0;
    double level = 0;
    std::int32_t folds = 0;
    std::span<const ColumnDeclaration> columns = {};  // of rows that go on where the stored ones end; none: no rows
    std::int32_t queue_timeout_ms = kNoQueueTimeout;
    double max_pool_share = 1;
};

void request_hello(Connection& connection, const Greeting& greeting);

void request_training(Connection& connection, const TrainingDeclaration& training);
void request_evaluation(Connection& connection, const ModelKey& key, std::span<const ColumnDeclaration> columns,
                        std::int32_t queue_timeout_ms);
void request_side_table(Connection& connection, std::uint32_t index, std::span<const ColumnDeclaration> columns);
void request_series(Connection& connection, const ModelKey& key, const SeriesDeclaration& series);
void request_append(Connection& connection, std::span<const std::byte> block);
void request_append(Connection& connection, const protocol::Segment& segment, std::size_t used_bytes);
void request_run(Connection& connection);

void request_prediction(Connection& connection, std::uint32_t slot, const ModelKey& key,
                        std::span<const ColumnDeclaration> columns, std::int32_t queue_timeout_ms);
// The segment holds the manifest, then the weights.
void request_load(Connection& connection, const ModelKey& key, const protocol::Segment& segment,
                  std::size_t manifest_bytes, std::size_t weight_bytes);
void request_predict(Connection& connection, std::uint32_t slot, std::span<const std::byte> block);
void request_predict(Connection& connection, std::uint32_t slot, const protocol::Segment& segment,
                     std::size_t used_bytes);
void request_end_prediction(Connection& connection, std::uint32_t slot);

void request_monitor(Connection& connection, std::string_view view);
// The plan of the running training of a model in the session's database: by whichever user, or only by `user_name`.
void request_plan(Connection& connection, std::string_view model, std::string_view user_name = {});

}  // namespace tensile::client
