// What the protocol adds to a prediction: an empty round trip, one row and whole batches through a session, beside the
// same computation done directly on the model. Engine and client are threads of this process, joined by a socket pair
// as they are by a socket in production.
//
// Floor of a round trip: a packet each way over a bare socket pair, with an end that sleeps until it comes and with one
// that looks for it in a loop. The difference is what two wake-ups of a sleeping thread cost.
#include <benchmark/benchmark.h>
#include <sys/socket.h>

#include <array>
#include <cmath>
#include <thread>

#include "../test/unit/engine/test_engine.h"
#include "engine/batch_predictor.h"
#include "engine/received_rows.h"
#include "engine/served_model.h"

namespace {

using namespace tensile;
using namespace tensile::test;

constexpr int kFeatures = 32;

BlockBuilder wide_rows(int count, bool with_target) {
    BlockBuilder rows;
    std::vector<double> target(static_cast<std::size_t>(count));
    for (int feature = 0; feature < kFeatures; ++feature) {
        std::vector<float> values;
        for (int row = 0; row < count; ++row) {
            values.push_back(static_cast<float>(std::sin(row * 0.37 + feature * 1.1)));
            target[static_cast<std::size_t>(row)] += values.back();
        }
        rows.real("x" + std::to_string(feature), values);
    }
    if (with_target) rows.number("y", target);
    return rows;
}

// An engine with a loaded model of two hidden layers of 128, and a session with a slot for it.
class LoadedEngine {
  public:
    LoadedEngine() : engine_(settings()), connection_(engine_.connect()) {
        const BlockBuilder rows = wide_rows(1000, /*with_target=*/true);
        const std::vector<std::string_view> targets = {"y"};
        const std::vector<client::ColumnDeclaration> columns = rows.declarations();
        client::request_training(*connection_,
                                 {"bench", "mlp", R"({"hidden": [128, 128], "epochs": 1})", targets, columns});
        client::exchange(*connection_);
        append(*connection_, rows);
        client::request_run(*connection_);
        model_ = client::trained_model(client::exchange(*connection_));
        open_slot(*connection_, 1, model_, wide_rows(1, false));
    }

    client::Connection& connection() { return *connection_; }
    const Resources& resources() { return engine_.resources(); }
    std::shared_ptr<LoadedModel> model() { return resources().models.find(model_.key); }

  private:
    static Settings settings() {
        Settings settings = small_settings();
        settings.threads = 0;
        return settings;
    }
    TestEngine engine_;
    std::unique_ptr<client::Connection> connection_;
    client::TrainedModel model_;
};

// About as much as a prediction of 32 features takes.
using SmallPacket = std::array<std::byte, 512>;

// Receives one packet, asleep or in a loop; false when the other end has hung up.
bool receive_small(int socket, SmallPacket& packet, bool polling) {
    ssize_t count = 0;
    do {
        count = recv(socket, packet.data(), packet.size(), polling ? MSG_DONTWAIT : 0);
    } while (count < 0 && (errno == EAGAIN || errno == EINTR));
    return count > 0;
}

void bare_socket_round_trip(benchmark::State& state) {
    const bool polling = state.range(0) != 0;
    int ends[2];
    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
    const protocol::Descriptor near(ends[0]);
    std::thread echo([polling, far = protocol::Descriptor(ends[1])] {
        SmallPacket packet;
        while (receive_small(far.get(), packet, polling))
            send(far.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
    });
    SmallPacket packet{};
    for (auto _ : state) {
        send(near.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
        receive_small(near.get(), packet, polling);
    }
    shutdown(near.get(), SHUT_RDWR);
    echo.join();
}
BENCHMARK(bare_socket_round_trip)->ArgName("polling")->Arg(0)->Arg(1)->UseRealTime();

void empty_round_trip(benchmark::State& state) {
    LoadedEngine engine;
    for (auto _ : state) {
        client::request_end_prediction(engine.connection(), 99);
        client::exchange(engine.connection());
    }
}
BENCHMARK(empty_round_trip)->UseRealTime();

void predict_one_row_through_the_engine(benchmark::State& state) {
    LoadedEngine engine;
    const BlockBuilder row = wide_rows(1, false);
    const std::vector<std::uint64_t> words = row.words();
    const std::span<const std::byte> block = std::as_bytes(std::span(words)).first(row.bytes());
    for (auto _ : state) {
        client::request_predict(engine.connection(), 1, block);
        benchmark::DoNotOptimize(client::prediction(client::exchange(engine.connection())));
    }
}
BENCHMARK(predict_one_row_through_the_engine)->UseRealTime();

void predict_directly(benchmark::State& state) {
    LoadedEngine engine;
    const BlockBuilder block = wide_rows(static_cast<int>(state.range(0)), false);
    const protocol::Segment segment = block.segment();
    std::vector<ColumnDescription> columns;
    for (const client::ColumnDeclaration& column : block.declarations())
        columns.push_back({std::string(column.name), std::string(column.type_name), ColumnMeaning::kNumber});
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(protocol::CreateRows(builder, 0, block.bytes()));
    const auto* message = flatbuffers::GetRoot<protocol::Rows>(builder.GetBufferPointer());
    ReceivedRows received;
    const RawRows& rows = received.read(message, segment, columns);

    const std::shared_ptr<LoadedModel> model = engine.model();
    const std::vector<int> binding = predictor_of(*model).bind_columns(columns);
    const StopFlag stop{false};
    BatchPredictor predictor(engine.resources().device, stop);
    for (auto _ : state) {
        PredictionColumns result;
        predictor.run(*model, rows, binding, result);
        benchmark::DoNotOptimize(result);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(predict_directly)->Arg(1)->Arg(65536)->UseRealTime();

void predict_many_rows_through_the_engine(benchmark::State& state) {
    LoadedEngine engine;
    const BlockBuilder rows = wide_rows(static_cast<int>(state.range(0)), false);
    const protocol::Segment segment = rows.segment();
    for (auto _ : state) {
        client::request_predict(engine.connection(), 1, segment, rows.bytes());
        benchmark::DoNotOptimize(client::prediction(client::exchange(engine.connection())));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(predict_many_rows_through_the_engine)->Arg(4096)->Arg(65536)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
