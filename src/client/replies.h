// Replies of the engine as plain values. What the engine sends is checked here as strictly as the engine checks its
// clients: a reply of another kind or with numbers that do not fit throws Error 08P01.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "client/requests.h"
#include "protocol/column_block.h"

namespace tensile::client {

struct Metric {
    std::string task;
    std::string name;
    double value = 0;
};

struct TrainedModel {
    ModelKey key{};
    protocol::Segment segment;  // keeps manifest and weights
    std::string_view manifest;
    std::span<const std::byte> weights;
    std::vector<Metric> metrics;
    std::int64_t rows_read = 0;
    std::int64_t rows_used = 0;
    std::int64_t rows_discarded = 0;
    std::int32_t epochs_run = 0;
    double seconds = 0;
    bool stopped_early = false;
    std::string cost_profile;  // JSON; empty when nothing was measured
};

struct Evaluation {
    std::vector<Metric> metrics;
    std::int64_t rows_read = 0;
    std::int64_t rows_used = 0;
    std::int64_t rows_discarded = 0;
};

struct OutputDeclaration {
    std::string task;
    std::string kind;       // regression, binary, multiclass
    std::string type_name;  // natural SQL type of the label
};

// The outputs of a prediction. `view` points into the segment, or into the connection's buffer until its next begin()
// or try_receive().
struct Prediction {
    protocol::Segment segment;
    protocol::BlockView view;
};

// A relation that a training wants the rows of.
struct SideTable {
    std::string name;
    std::string relation;
};

// What work on the series of a model gives. `view` points into the segment.
struct SeriesResult {
    struct Column {
        std::string name;
        std::string type_name;
    };
    std::vector<Column> modes;
    Column time;
    std::string step;
    protocol::Segment segment;
    protocol::BlockView view;
};

// Rows of a monitoring view, cells by column; an empty optional is NULL.
struct MonitorTable {
    std::vector<std::string> columns;
    std::vector<std::vector<std::optional<std::string>>> rows;
};

// The message when it is of that type; else Error 08P01.
template <typename Table>
const Table& expect(const Reply& reply);

TrainedModel trained_model(Reply reply);
// What Accepted lists in answer to the beginning of a training.
std::vector<SideTable> side_tables(const Reply& reply);
Evaluation evaluation(const Reply& reply);
SeriesResult series_result(Reply reply);
// What PredictReady lists; nothing for NeedModel.
std::optional<std::vector<OutputDeclaration>> prediction_outputs(const Reply& reply);
// What PredictReply holds; nothing for NeedModel.
std::optional<Prediction> prediction(Reply reply);
// Adds the rows of one MonitorReply; true when another packet follows (receive it with try_receive(), no request).
bool append_monitor_rows(const Reply& reply, MonitorTable& table);
// The same of the plan that a training sends before its reply.
void append_plan_rows(const protocol::TrainPlan& plan, MonitorTable& table);

[[noreturn]] void throw_unexpected_reply(const Reply& reply);

template <typename Table>
const Table& expect(const Reply& reply) {
    const Table* table = reply.as<Table>();
    if (table == nullptr) throw_unexpected_reply(reply);
    return *table;
}

}  // namespace tensile::client
