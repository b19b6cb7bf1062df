// The seeds of the protocol's fuzz target: one packet of every message type that carries something, and column blocks.
// They must stay well-formed when the schema changes. With TENSILE_WRITE_CORPUS set, the test writes them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "protocol/column_block.h"
#include "protocol/envelope.h"

namespace tensile::protocol {
namespace {

using flatbuffers::FlatBufferBuilder;

constexpr char kPacketSeed = 0;
constexpr char kBlockSeed = 1;

const std::filesystem::path kCorpus = std::filesystem::path(TENSILE_SOURCE_DIR) / "test/fuzz/corpus/protocol_fuzz";

std::string block_seed(std::uint32_t rows) {
    const std::vector<ColumnSpec> columns = {
        {ElementType::kF32},  {ElementType::kF64},       {ElementType::kI32},  {ElementType::kI64},
        {ElementType::kBool}, {ElementType::kTimestamp}, {ElementType::kText}, {ElementType::kBlockF32, 3}};
    const BlockLayout layout = lay_out(columns, rows);
    std::vector<std::uint64_t> words(layout.heap_offset / 8 + 1);
    const std::span<std::byte> block = std::as_writable_bytes(std::span(words));
    start_block(block, layout, rows);
    auto* header = reinterpret_cast<BlockHeader*>(block.data());
    header->row_count = rows;
    header->heap_bytes = 8;
    std::memcpy(block.data() + layout.heap_offset, "red blue", 8);
    for (std::uint32_t row = 0; row < rows; ++row) {
        const TextReference reference{row % 2 == 0 ? 0U : 4U, row % 2 == 0 ? 3U : 4U};
        std::memcpy(block.data() + layout.columns[6].values_offset + row * sizeof reference, &reference,
                    sizeof reference);
    }
    reinterpret_cast<ColumnHeader*>(block.data() + sizeof(BlockHeader))[1].has_nulls = 1;
    return {reinterpret_cast<const char*>(block.data()), block.size()};
}

flatbuffers::Offset<Rows> inline_rows(FlatBufferBuilder& builder) {
    const std::string block = block_seed(2);
    std::byte* data = nullptr;
    const auto bytes = reserve_inline_block(builder, block.size(), data);
    std::memcpy(data, block.data(), block.size());
    return CreateRows(builder, bytes);
}

flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> key(FlatBufferBuilder& builder) {
    return builder.CreateVector(std::vector<std::uint8_t>(32, 0xAB));
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<ColumnDeclaration>>> columns(FlatBufferBuilder& builder) {
    return builder.CreateVector(std::vector{CreateColumnDeclarationDirect(builder, "age", "integer"),
                                            CreateColumnDeclarationDirect(builder, "job", "text", ColumnKind::Text)});
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Metric>>> metrics(FlatBufferBuilder& builder) {
    return builder.CreateVector(std::vector{CreateMetricDirect(builder, "churn", "auc", 0.9)});
}

flatbuffers::Offset<MonitorReply> monitor_reply(FlatBufferBuilder& builder) {
    const auto names = builder.CreateVector(std::vector{CreateMonitorColumnDirect(builder, "bytes")});
    const auto cells =
        builder.CreateVector(std::vector{CreateMonitorCellDirect(builder, "4096"), CreateMonitorCell(builder)});
    const auto rows = builder.CreateVector(std::vector{CreateMonitorRow(builder, cells)});
    return CreateMonitorReply(builder, names, rows, true);
}

template <typename Build>
std::string packet_seed(Build build) {
    FlatBufferBuilder builder;
    const std::span<const std::byte> packet = seal_envelope(builder, build(builder));
    return {reinterpret_cast<const char*>(packet.data()), packet.size()};
}

// By file name; the first byte of a file chooses the fuzz target's reader.
std::map<std::string, std::string> seeds() {
    std::map<std::string, std::string> packets;
    const auto add = [&](const char* name, auto build) { packets[name] = kPacketSeed + packet_seed(build); };
    add("hello", [](auto& b) { return CreateHelloDirect(b, 1, "build", 42, "alice", "shop", "psql"); });
    add("hello_reply", [](auto& b) { return CreateHelloReply(b, 43, 7); });
    add("error_reply", [](auto& b) { return CreateErrorReplyDirect(b, "22023", "wrong", "Detail.", "Hint."); });
    add("configuration", [](auto& b) {
        return CreateConfigurationDirect(b, 1 << 30, 1 << 30, 1 << 28, "/spill", 1 << 30, 2, "cpu", "LOG");
    });
    add("engine_ready", [](auto& b) { return CreateEngineReadyDirect(b, "cpu"); });
    add("train_begin", [](auto& b) {
        const auto model = b.CreateString("churn");
        const auto method = b.CreateString("mlp");
        const auto options = b.CreateString("{\"epochs\": 3}");
        const auto targets = b.CreateVectorOfStrings({"churned"});
        const auto profiles = b.CreateVectorOfStrings({"{}"});
        return CreateTrainBegin(b, model, method, options, targets, columns(b), 60000, profiles, 0.5);
    });
    add("accepted", [](auto& b) {
        return CreateAccepted(
            b, b.CreateVector(std::vector{CreateSideTableDirect(b, "graph of mode \"station\"", "roads.edge")}));
    });
    add("side_table_begin", [](auto& b) { return CreateSideTableBegin(b, 0, columns(b)); });
    add("series_begin", [](auto& b) {
        const auto model = key(b);
        return CreateSeriesBegin(b, model, SeriesTask::Forecast, 24, 0.9, 5, columns(b), 60000, 0.5);
    });
    add("series_reply", [](auto& b) {
        const auto modes = b.CreateVector(std::vector{CreateSeriesModeDirect(b, "station", "text")});
        const auto time = CreateSeriesModeDirect(b, "ts", "timestamp with time zone");
        const auto step = b.CreateString("1 hour");
        return CreateSeriesReply(b, modes, time, step, inline_rows(b));
    });
    add("evaluate_begin", [](auto& b) {
        const auto model = key(b);
        return CreateEvaluateBegin(b, model, columns(b), -1);
    });
    add("append_rows", [](auto& b) { return CreateAppendRows(b, inline_rows(b)); });
    add("run", [](auto& b) { return CreateRun(b); });
    add("progress", [](auto& b) { return CreateProgressDirect(b, "training", 1, 20, 300, 6000, 0.5, 1e6); });
    add("log_entry", [](auto& b) { return CreateLogEntryDirect(b, 1, "churned", "train_loss", 0.5); });
    add("train_reply", [](auto& b) {
        const auto model = key(b);
        const auto profile = b.CreateString("{}");
        return CreateTrainReply(b, model, 100, 200, metrics(b), 10, 9, 1, 20, 1.5, true, profile);
    });
    add("evaluate_reply", [](auto& b) { return CreateEvaluateReply(b, metrics(b), 10, 9, 1); });
    add("predict_begin", [](auto& b) {
        const auto model = key(b);
        return CreatePredictBegin(b, 1, model, columns(b), 60000);
    });
    add("load_model", [](auto& b) { return CreateLoadModel(b, key(b), 100, 200); });
    add("predict_ready", [](auto& b) {
        return CreatePredictReady(
            b, b.CreateVector(std::vector{CreateOutputDeclarationDirect(b, "churned", "binary", "boolean")}));
    });
    add("predict", [](auto& b) { return CreatePredict(b, 1, inline_rows(b)); });
    add("predict_reply", [](auto& b) { return CreatePredictReply(b, inline_rows(b)); });
    add("monitor_request", [](auto& b) { return CreateMonitorRequestDirect(b, "plan", "churn", "alice"); });
    add("monitor_reply", [](auto& b) { return monitor_reply(b); });
    add("train_plan", [](auto& b) { return CreateTrainPlan(b, monitor_reply(b)); });
    packets["block_of_1"] = kBlockSeed + block_seed(1);
    packets["block_of_70"] = kBlockSeed + block_seed(70);
    packets["block_of_0"] = kBlockSeed + block_seed(0);
    return packets;
}

TEST(FuzzCorpus, HoldsEverySeedAndAllOfThemAreWellFormed) {
    if (std::getenv("TENSILE_WRITE_CORPUS") != nullptr) {
        std::filesystem::create_directories(kCorpus);
        for (const auto& [name, seed] : seeds())
            std::ofstream(kCorpus / name, std::ios::binary) << seed;
    }
    for (const auto& [name, expected] : seeds()) {
        std::ifstream file(kCorpus / name, std::ios::binary);
        const std::string seed{std::istreambuf_iterator<char>(file), {}};
        ASSERT_FALSE(seed.empty()) << name;
        std::vector<std::uint64_t> words(seed.size() / 8 + 1);
        std::memcpy(words.data(), seed.data() + 1, seed.size() - 1);
        const std::span<const std::byte> input = std::as_bytes(std::span(words)).first(seed.size() - 1);
        std::string problem;
        const bool accepted =
            seed[0] == kBlockSeed ? validate(input, problem).has_value() : open_envelope(input, problem) != nullptr;
        EXPECT_TRUE(accepted) << name << ": " << problem;
    }
}

}  // namespace
}  // namespace tensile::protocol
