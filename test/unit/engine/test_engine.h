// An engine inside the test's process, clients of it, and rows to send. Shared by the tests of engine and client and by
// bench/roundtrip_bench.cpp: what must hold for a test to go on is an exception, not an expectation.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "client/connection.h"
#include "client/replies.h"
#include "client/requests.h"
#include "device/cpu/cpu_device.h"
#include "engine/engine.h"
#include "protocol/column_block.h"
#include "tensor/error.h"

namespace tensile::test {

inline constexpr std::string_view kBuildId = "test-build";

// Generous: it bounds a hanging test, it measures nothing.
inline constexpr std::chrono::seconds kGenerousLimit(60);

inline void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

template <typename Condition>
bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kGenerousLimit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

inline Settings small_settings() {
    Settings settings;
    settings.pool_size = std::uint64_t{64} << 20;
    settings.host_memory = std::uint64_t{256} << 20;
    settings.threads = 2;
    settings.log_level = LogLevel::kDebug;
    return settings;
}

// The engine with its log in a pipe.
class TestEngine {
  public:
    explicit TestEngine(const Settings& settings = small_settings())
        : TestEngine(settings, std::make_unique<CpuDevice>(settings.threads)) {}
    TestEngine(const Settings& settings, std::unique_ptr<Device> device) {
        int ends[2];
        require(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "no pipe");
        log_reader_ = protocol::Descriptor(ends[0]);
        log_writer_ = protocol::Descriptor(ends[1]);
        log_.emplace(log_writer_.get());
        engine_.emplace(std::move(device), settings, std::string(kBuildId), *log_);
    }

    Engine& engine() { return *engine_; }
    const Resources& resources() { return engine_->resources(); }

    // A connected client that has not said hello.
    std::unique_ptr<client::Connection> connect_silently() {
        int ends[2];
        require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
        engine_->start_session(protocol::Descriptor(ends[0]));
        return std::make_unique<client::Connection>(ends[1]);
    }
    std::unique_ptr<client::Connection> connect(std::string_view application = "test") {
        std::unique_ptr<client::Connection> connection = connect_silently();
        client::request_hello(*connection, {kBuildId, getpid(), "alice", "shop", application});
        client::expect<protocol::HelloReply>(client::exchange(*connection));
        return connection;
    }

    // What has been logged so far.
    std::string log() {
        std::string text(65536, '\0');
        const ssize_t bytes = ::read(log_reader_.get(), text.data(), text.size());
        text.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
        logged_ += text;
        return logged_;
    }

  private:
    protocol::Descriptor log_reader_;
    protocol::Descriptor log_writer_;
    std::optional<Log> log_;
    std::optional<Engine> engine_;
    std::string logged_;
};

// Rows as a backend sends them: fills a column block from vectors.
class BlockBuilder {
  public:
    BlockBuilder& number(std::string name, std::vector<double> values) {
        return add(std::move(name), "double precision", protocol::ColumnKind::Number, protocol::ElementType::kF64,
                   as_bytes(values), values.size());
    }
    BlockBuilder& real(std::string name, std::vector<float> values) {
        return add(std::move(name), "real", protocol::ColumnKind::Number, protocol::ElementType::kF32, as_bytes(values),
                   values.size());
    }
    // Microseconds since the year 2000.
    BlockBuilder& timestamp(std::string name, std::vector<std::int64_t> values) {
        return add(std::move(name), "timestamp without time zone", protocol::ColumnKind::Timestamp,
                   protocol::ElementType::kTimestamp, as_bytes(values), values.size());
    }
    BlockBuilder& boolean(std::string name, std::vector<std::uint8_t> values) {
        return add(std::move(name), "boolean", protocol::ColumnKind::Boolean, protocol::ElementType::kBool,
                   as_bytes(values), values.size());
    }
    BlockBuilder& text(std::string name, const std::vector<std::string>& values) {
        std::vector<protocol::TextReference> references;
        for (const std::string& value : values) {
            references.push_back({static_cast<std::uint32_t>(heap_.size()), static_cast<std::uint32_t>(value.size())});
            heap_ += value;
        }
        return add(std::move(name), "text", protocol::ColumnKind::Text, protocol::ElementType::kText,
                   as_bytes(references), values.size());
    }

    std::vector<client::ColumnDeclaration> declarations() const {
        std::vector<client::ColumnDeclaration> result;
        for (const Column& column : columns_)
            result.push_back({column.name, column.type_name, column.kind});
        return result;
    }
    std::size_t bytes() const { return layout().heap_offset + heap_.size(); }

    void write(std::span<std::byte> target) const {
        const protocol::BlockLayout layout = this->layout();
        protocol::start_block(target, layout, rows_);
        auto* header = reinterpret_cast<protocol::BlockHeader*>(target.data());
        header->row_count = rows_;
        header->heap_bytes = heap_.size();
        for (std::size_t i = 0; i < columns_.size(); ++i)
            copy(std::as_bytes(std::span(columns_[i].values)), target, layout.columns[i].values_offset);
        copy(std::as_bytes(std::span(heap_)), target, layout.heap_offset);
    }
    static void copy(std::span<const std::byte> source, std::span<std::byte> target, std::uint64_t offset) {
        std::copy(source.begin(), source.end(), target.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    // The block, in memory of 8-byte alignment.
    std::vector<std::uint64_t> words() const {
        std::vector<std::uint64_t> words((bytes() + 7) / 8);
        write(std::as_writable_bytes(std::span(words)));
        return words;
    }
    protocol::Segment segment() const {
        std::optional<protocol::Segment> segment = protocol::Segment::create(bytes());
        require(segment.has_value(), "no segment");
        write(segment->bytes());
        return std::move(*segment);
    }

  private:
    struct Column {
        std::string name;
        std::string type_name;
        protocol::ColumnKind kind;
        protocol::ElementType type;
        std::vector<std::byte> values;
    };

    template <typename T>
    static std::vector<std::byte> as_bytes(const std::vector<T>& values) {
        const auto bytes = std::as_bytes(std::span(values));
        return {bytes.begin(), bytes.end()};
    }
    BlockBuilder& add(std::string name, std::string type_name, protocol::ColumnKind kind, protocol::ElementType type,
                      std::vector<std::byte> values, std::size_t rows) {
        columns_.push_back({std::move(name), std::move(type_name), kind, type, std::move(values)});
        rows_ = static_cast<std::uint32_t>(rows);
        return *this;
    }
    protocol::BlockLayout layout() const {
        std::vector<protocol::ColumnSpec> specs;
        for (const Column& column : columns_)
            specs.push_back({column.type});
        return protocol::lay_out(specs, rows_);
    }

    std::vector<Column> columns_;
    std::string heap_;
    std::uint32_t rows_ = 0;
};

// Rows that can be learned: y = 3 a - 2 b, color decides "warm".
inline BlockBuilder example_rows(int count, int first = 0) {
    std::vector<double> a, b, y;
    std::vector<std::string> color, warm;
    for (int i = first; i < first + count; ++i) {
        a.push_back(std::sin(i * 0.7));
        b.push_back(std::cos(i * 1.3));
        y.push_back(3 * a.back() - 2 * b.back());
        color.emplace_back(i % 3 == 0 ? "red" : i % 3 == 1 ? "blue" : "orange");
        warm.emplace_back(i % 3 == 1 ? "cold" : "warm");
    }
    BlockBuilder rows;
    rows.number("a", a).number("b", b).text("color", color).number("y", y).text("warm", warm);
    return rows;
}

// The same without the targets.
inline BlockBuilder example_features(int count, int first = 0) {
    std::vector<double> a, b;
    std::vector<std::string> color;
    for (int i = first; i < first + count; ++i) {
        a.push_back(std::sin(i * 0.7));
        b.push_back(std::cos(i * 1.3));
        color.emplace_back(i % 3 == 0 ? "red" : i % 3 == 1 ? "blue" : "orange");
    }
    BlockBuilder rows;
    rows.number("a", a).number("b", b).text("color", color);
    return rows;
}

inline constexpr std::string_view kFewEpochs = R"({"epochs": 5, "hidden": [16], "batch_size": 64, "seed": 7})";
inline constexpr std::string_view kManyEpochs =
    R"({"epochs": 100000, "hidden": [64], "batch_size": 64, "patience": 0, "validation": 0})";

inline void begin_training(client::Connection& connection, const BlockBuilder& rows, std::string_view options) {
    const std::vector<std::string_view> targets = {"y", "warm"};
    const std::vector<client::ColumnDeclaration> columns = rows.declarations();
    client::request_training(connection, {"example", "mlp", options, targets, columns});
    client::expect<protocol::Accepted>(client::exchange(connection));
}

inline void append(client::Connection& connection, const BlockBuilder& rows) {
    const protocol::Segment segment = rows.segment();
    client::request_append(connection, segment, rows.bytes());
    client::expect<protocol::Accepted>(client::exchange(connection));
}

inline client::TrainedModel train_example(client::Connection& connection, int rows = 600,
                                          std::string_view options = kFewEpochs) {
    const BlockBuilder block = example_rows(rows);
    begin_training(connection, block, options);
    append(connection, block);
    client::request_run(connection);
    return client::trained_model(client::exchange(connection));
}

inline void load(client::Connection& connection, const client::TrainedModel& model) {
    std::optional<protocol::Segment> segment = protocol::Segment::create(model.manifest.size() + model.weights.size());
    require(segment.has_value(), "no segment");
    std::memcpy(segment->bytes().data(), model.manifest.data(), model.manifest.size());
    std::memcpy(segment->bytes().data() + model.manifest.size(), model.weights.data(), model.weights.size());
    client::request_load(connection, model.key, *segment, model.manifest.size(), model.weights.size());
    client::expect<protocol::Accepted>(client::exchange(connection));
}

// Opens a slot, sending the model when the engine asks for it.
inline std::vector<client::OutputDeclaration> open_slot(client::Connection& connection, std::uint32_t slot,
                                                        const client::TrainedModel& model,
                                                        const BlockBuilder& features) {
    const std::vector<client::ColumnDeclaration> columns = features.declarations();
    while (true) {
        client::request_prediction(connection, slot, model.key, columns, client::kNoQueueTimeout);
        if (auto outputs = client::prediction_outputs(client::exchange(connection))) return *outputs;
        load(connection, model);
    }
}

// First outputs (y) and second labels (warm) of a prediction, copied out.
struct Predicted {
    std::vector<double> y;
    std::vector<double> warm_probability;
    std::vector<std::string> warm;
};

inline Predicted copied(const client::Prediction& prediction) {
    Predicted result;
    const protocol::BlockView& view = prediction.view;
    require(view.columns.size() == 3, "prediction of another model than the example");
    for (std::uint32_t row = 0; row < view.row_count; ++row) {
        result.y.push_back(static_cast<const double*>(view.values(0))[row]);
        result.warm_probability.push_back(static_cast<const double*>(view.values(1))[row]);
        const auto& reference = static_cast<const protocol::TextReference*>(view.values(2))[row];
        result.warm.emplace_back(view.heap + reference.offset, reference.length);
    }
    return result;
}

inline Predicted predict(client::Connection& connection, std::uint32_t slot, const BlockBuilder& features) {
    if (features.bytes() <= client::kMaxInlineRows) {
        const std::vector<std::uint64_t> words = features.words();
        client::request_predict(connection, slot, std::as_bytes(std::span(words)).first(features.bytes()));
        return copied(client::prediction(client::exchange(connection)).value());
    }
    const protocol::Segment segment = features.segment();
    client::request_predict(connection, slot, segment, features.bytes());
    return copied(client::prediction(client::exchange(connection)).value());
}

// All packets of the view that was asked for.
inline client::MonitorTable answered_view(client::Connection& connection) {
    client::MonitorTable table;
    bool more = client::append_monitor_rows(client::exchange(connection), table);
    while (more)
        more = client::append_monitor_rows(client::receive(connection), table);
    return table;
}

inline client::MonitorTable monitor(client::Connection& connection, std::string_view view) {
    client::request_monitor(connection, view);
    return answered_view(connection);
}

inline client::MonitorTable plan_of(client::Connection& connection, std::string_view model,
                                    std::string_view user = {}) {
    client::request_plan(connection, model, user);
    return answered_view(connection);
}

// The SQLSTATE of the Error that `action` throws, or "" when it throws none.
template <typename Action>
std::string sqlstate_of(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error.sqlstate();
    }
    return "";
}

}  // namespace tensile::test
