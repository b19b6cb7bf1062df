// What a hostile peer can send: the first byte chooses the reader, the rest goes to it. 0: a packet, opened as the
// engine and the client open it and then read to its last field; 1: a column block. Seeds: corpus/protocol_fuzz,
// written by test/unit/protocol/fuzz_corpus_test.cpp.
//
//   build/fuzz/protocol_fuzz -max_total_time=60 -max_len=8192 test/fuzz/corpus/protocol_fuzz
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "protocol/column_block.h"
#include "protocol/envelope.h"

namespace {

using namespace tensile::protocol;

// Everything read goes here, so that no read is optimised away and every byte is touched.
std::uint64_t digest(const void* data, std::size_t bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes; ++i)
        sum = sum * 31 + static_cast<const std::uint8_t*>(data)[i];
    return sum;
}

std::uint64_t read(const flatbuffers::String* text) {
    const std::string_view view = text_of(text);
    return digest(view.data(), view.size());
}

std::uint64_t read(const flatbuffers::Vector<std::uint8_t>* bytes) {
    const std::span<const std::byte> view = bytes_of(bytes);
    return digest(view.data(), view.size());
}

std::uint64_t read_block(std::span<const std::byte> block) {
    std::string problem;
    const std::optional<BlockView> view = validate(block, problem);
    if (!view) {
        if (problem.empty()) std::abort();
        return 0;
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < view->columns.size(); ++i) {
        const ColumnHeader& column = view->columns[i];
        sum += digest(view->values(i), bytes_per_row(column.type, column.width) * view->row_count);
        const std::uint8_t* nulls = view->nulls(i);
        if (nulls != nullptr) sum += digest(nulls, view->row_count);
        if (column.type != ElementType::kText) continue;
        const auto* text = static_cast<const TextReference*>(view->values(i));
        for (std::uint32_t row = 0; row < view->row_count; ++row)
            if (nulls == nullptr || nulls[row] == 0) sum += digest(view->heap + text[row].offset, text[row].length);
    }
    return sum;
}

std::uint64_t read(const Rows* rows) {
    return rows == nullptr ? 0 : read_block(bytes_of(rows->inline_bytes())) + rows->segment_bytes();
}

template <typename Table, typename Function>
std::uint64_t read_each(const flatbuffers::Vector<flatbuffers::Offset<Table>>* tables, Function function) {
    std::uint64_t sum = 0;
    if (tables != nullptr)
        for (const Table* table : *tables)
            sum += function(*table);
    return sum;
}

std::uint64_t read(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
    std::uint64_t sum = 0;
    if (texts != nullptr)
        for (const flatbuffers::String* text : *texts)
            sum += read(text);
    return sum;
}

std::uint64_t read(const flatbuffers::Vector<flatbuffers::Offset<ColumnDeclaration>>* columns) {
    return read_each(columns, [](const ColumnDeclaration& column) {
        return read(column.name()) + read(column.type_name()) + static_cast<std::uint64_t>(column.kind());
    });
}

std::uint64_t read(const flatbuffers::Vector<flatbuffers::Offset<Metric>>* metrics) {
    return read_each(metrics, [](const Metric& metric) { return read(metric.task()) + read(metric.name()); });
}

std::uint64_t read(const MonitorReply& reply) {
    return read_each(reply.columns(), [](const MonitorColumn& column) { return read(column.name()); }) +
           read_each(reply.rows(), [](const MonitorRow& row) {
               return read_each(row.cells(), [](const MonitorCell& cell) { return read(cell.value()); });
           });
}

std::uint64_t read(const Envelope& envelope) {
    switch (envelope.message_type()) {
    case Message::Hello: {
        const Hello& hello = *envelope.message_as_Hello();
        return read(hello.build_id()) + read(hello.user_name()) + read(hello.database_name()) +
               read(hello.application_name());
    }
    case Message::ErrorReply: {
        const ErrorReply& error = *envelope.message_as_ErrorReply();
        return read(error.sqlstate()) + read(error.message()) + read(error.detail()) + read(error.hint());
    }
    case Message::Configuration: {
        const Configuration& configuration = *envelope.message_as_Configuration();
        return read(configuration.device()) + read(configuration.log_level()) + read(configuration.spill_directory());
    }
    case Message::TrainBegin: {
        const TrainBegin& training = *envelope.message_as_TrainBegin();
        std::uint64_t sum = read(training.model_name()) + read(training.method()) + read(training.options_json());
        sum += read(training.targets()) + read(training.cost_profiles()) + read(training.base_key());
        return sum + read(training.columns());
    }
    case Message::Accepted:
        return read_each(envelope.message_as_Accepted()->side_tables(),
                         [](const SideTable& table) { return read(table.name()) + read(table.relation()); });
    case Message::SideTableBegin:
        return read(envelope.message_as_SideTableBegin()->columns());
    case Message::SeriesBegin:
        return read(envelope.message_as_SeriesBegin()->model_key()) +
               read(envelope.message_as_SeriesBegin()->columns());
    case Message::SeriesReply: {
        const SeriesReply& reply = *envelope.message_as_SeriesReply();
        const auto column = [](const SeriesMode& mode) { return read(mode.name()) + read(mode.type_name()); };
        return read_each(reply.modes(), column) + (reply.time() == nullptr ? 0 : column(*reply.time())) +
               read(reply.step()) + read(reply.rows());
    }
    case Message::EvaluateBegin:
        return read(envelope.message_as_EvaluateBegin()->model_key()) +
               read(envelope.message_as_EvaluateBegin()->columns());
    case Message::AppendRows:
        return read(envelope.message_as_AppendRows()->rows());
    case Message::Progress:
        return read(envelope.message_as_Progress()->phase());
    case Message::LogEntry:
        return read(envelope.message_as_LogEntry()->task()) + read(envelope.message_as_LogEntry()->metric());
    case Message::TrainReply:
        return read(envelope.message_as_TrainReply()->key()) + read(envelope.message_as_TrainReply()->metrics()) +
               read(envelope.message_as_TrainReply()->cost_profile());
    case Message::EvaluateReply:
        return read(envelope.message_as_EvaluateReply()->metrics());
    case Message::PredictBegin:
        return read(envelope.message_as_PredictBegin()->model_key()) +
               read(envelope.message_as_PredictBegin()->columns());
    case Message::LoadModel:
        return read(envelope.message_as_LoadModel()->model_key());
    case Message::PredictReady:
        return read_each(envelope.message_as_PredictReady()->outputs(), [](const OutputDeclaration& output) {
            return read(output.task()) + read(output.kind()) + read(output.type_name());
        });
    case Message::Predict:
        return read(envelope.message_as_Predict()->rows());
    case Message::PredictReply:
        return read(envelope.message_as_PredictReply()->rows());
    case Message::MonitorRequest: {
        const MonitorRequest& request = *envelope.message_as_MonitorRequest();
        return read(request.view()) + read(request.model()) + read(request.user_name());
    }
    case Message::MonitorReply:
        return read(*envelope.message_as_MonitorReply());
    case Message::TrainPlan: {
        const MonitorReply* part = envelope.message_as_TrainPlan()->part();
        return part == nullptr ? 0 : read(*part);
    }
    default:
        return 0;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    // Aligned as receive buffers are, and of exactly the packet's size, so that a read behind its end shows.
    const std::size_t bytes = size - 1;
    std::vector<std::byte> input(bytes);
    if (bytes > 0) std::memcpy(input.data(), data + 1, bytes);
    volatile std::uint64_t sum = 0;
    if (data[0] == 1) {
        sum = read_block(input);
    } else {
        std::string problem;
        const Envelope* envelope = open_envelope(input, problem);
        if (envelope == nullptr && problem.empty()) std::abort();
        if (envelope != nullptr) sum = read(*envelope);
    }
    (void)sum;
    return 0;
}
