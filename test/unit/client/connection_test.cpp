// The client's state machine, against engines that misbehave.
#include "client/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "unit/engine/test_engine.h"

namespace tensile::client {
namespace {

using test::sqlstate_of;

// A connection whose other end the test holds.
class ConnectionTest : public testing::Test {
  protected:
    ConnectionTest() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        connection_ = std::make_unique<Connection>(ends[0]);
        engine_ = protocol::Descriptor(ends[1]);
    }

    template <typename Table>
    void answer(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Table> message, int descriptor = -1) {
        std::string problem;
        ASSERT_EQ(protocol::send_packet(engine_.get(), protocol::seal_envelope(builder, message), descriptor,
                                        /*block=*/true, problem),
                  protocol::IoStatus::kOk)
            << problem;
    }
    // What the engine has received, which must be a well-formed packet.
    const protocol::Envelope* received() {
        const protocol::Received packet =
            protocol::receive_packet(engine_.get(), std::as_writable_bytes(std::span(words_)), /*block=*/false);
        std::string problem;
        return protocol::open_envelope(std::as_bytes(std::span(words_)).first(packet.bytes), problem);
    }

    std::unique_ptr<Connection> connection_;
    protocol::Descriptor engine_;
    std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>(protocol::kMaxPacket / 8);
};

TEST_F(ConnectionTest, NothingArrivesBeforeItIsSent) {
    request_run(*connection_);
    EXPECT_TRUE(connection_->flush());
    EXPECT_FALSE(connection_->try_receive());
    const protocol::Envelope* request = received();
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->message_type(), protocol::Message::Run);
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateAccepted(builder));
    const std::optional<Reply> reply = connection_->try_receive();
    ASSERT_TRUE(reply);
    EXPECT_NE(reply->as<protocol::Accepted>(), nullptr);
    EXPECT_EQ(reply->as<protocol::NeedModel>(), nullptr);
}

TEST_F(ConnectionTest, OneRequestAtATime) {
    request_run(*connection_);
    EXPECT_THROW(request_run(*connection_), InternalError);
}

TEST_F(ConnectionTest, ProgressDoesNotAnswerARequest) {
    request_run(*connection_);
    connection_->flush();
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateProgress(builder));
    ASSERT_TRUE(connection_->try_receive());
    EXPECT_THROW(request_run(*connection_), InternalError);
    builder.Clear();
    answer(builder, protocol::CreateAccepted(builder));
    ASSERT_TRUE(connection_->try_receive());
    EXPECT_NO_THROW(request_run(*connection_));
}

TEST_F(ConnectionTest, AnErrorKeepsAllItsFieldsAndTheConnection) {
    request_run(*connection_);
    connection_->flush();
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateErrorReplyDirect(builder, "22023", "no such thing", "A detail.", "A hint."));
    try {
        connection_->try_receive();
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "22023");
        EXPECT_EQ(error.message(), "no such thing");
        EXPECT_EQ(error.detail(), "A detail.");
        EXPECT_EQ(error.hint(), "A hint.");
    }
    EXPECT_FALSE(connection_->broken());
    EXPECT_NO_THROW(request_run(*connection_));
}

TEST_F(ConnectionTest, AMalformedSqlstateBecomesAnInternalError) {
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateErrorReplyDirect(builder, "many", "odd"));
    EXPECT_EQ(sqlstate_of([&] { connection_->try_receive(); }), sqlstate::kInternalError);
}

TEST_F(ConnectionTest, ALostEngineIsAConnectionFailure) {
    request_run(*connection_);
    connection_->flush();
    engine_ = protocol::Descriptor();
    EXPECT_EQ(sqlstate_of([&] { connection_->try_receive(); }), sqlstate::kSystemError);
    EXPECT_TRUE(connection_->broken());
    EXPECT_EQ(sqlstate_of([&] { connection_->begin(); }), sqlstate::kSystemError);
}

TEST_F(ConnectionTest, TheLastWordOfAnEngineIsHeardThoughTheRequestCannotBeSent) {
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateErrorReplyDirect(builder, "57P03", "tensile engine is shutting down"));
    ASSERT_EQ(shutdown(engine_.get(), SHUT_RDWR), 0);
    request_run(*connection_);
    EXPECT_TRUE(connection_->flush());
    EXPECT_EQ(sqlstate_of([&] { connection_->try_receive(); }), sqlstate::kCannotConnectNow);
    EXPECT_TRUE(connection_->broken());
}

TEST_F(ConnectionTest, GarbageFromTheEngineBreaksTheConnection) {
    const std::array<std::byte, 5> garbage{};
    std::string problem;
    ASSERT_EQ(protocol::send_packet(engine_.get(), garbage, -1, true, problem), protocol::IoStatus::kOk);
    EXPECT_EQ(sqlstate_of([&] { connection_->try_receive(); }), sqlstate::kProtocolViolation);
    EXPECT_TRUE(connection_->broken());
}

TEST_F(ConnectionTest, ASegmentBeyondTheLimitIsRefused) {
    connection_->set_segment_limit(4096);
    const std::optional<protocol::Segment> segment = protocol::Segment::create(8192);
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateAccepted(builder), segment->descriptor());
    EXPECT_EQ(sqlstate_of([&] { connection_->try_receive(); }), sqlstate::kSystemError);
    EXPECT_TRUE(connection_->broken());
}

TEST_F(ConnectionTest, ATooLargeRequestIsAnErrorAndTheConnectionGoesOn) {
    const std::string long_name(protocol::kMaxPacket, 'x');
    request_monitor(*connection_, long_name);
    EXPECT_EQ(sqlstate_of([&] { connection_->flush(); }), sqlstate::kProgramLimitExceeded);
    EXPECT_FALSE(connection_->broken());
    request_monitor(*connection_, "pool");
    EXPECT_TRUE(connection_->flush());
    EXPECT_NE(received(), nullptr);
}

TEST_F(ConnectionTest, TheWidestTableWithTheLongestNamesCanBeDeclared) {
    std::vector<std::string> names;
    for (int i = 0; i < 1664; ++i) {
        std::string name = std::to_string(i);
        names.push_back(std::string(63 - name.size(), 'n') + name);
    }
    std::vector<ColumnDeclaration> columns;
    for (const std::string& name : names)
        columns.push_back({name, "timestamp with time zone", protocol::ColumnKind::Timestamp});
    const std::vector<std::string_view> targets = {names.front()};
    // As many profiles as a backend sends along.
    const std::string profile(std::size_t{24} * 1024, 'p');
    const std::vector<std::string_view> profiles = {profile};
    request_training(*connection_, {"model", "mlp", "{}", targets, columns, kNoQueueTimeout, profiles});
    EXPECT_TRUE(connection_->flush());
    const protocol::Envelope* request = received();
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->message_as_TrainBegin()->columns()->size(), 1664U);
}

TEST_F(ConnectionTest, AFullSocketAsksToBeTriedAgain) {
    const std::string filler(protocol::kMaxPacket - 1024, 'x');
    // Progress messages of the other direction do not matter; the client's own packets fill its socket.
    int sent = 0;
    bool full = false;
    while (!full && sent < 100) {
        request_monitor(*connection_, filler);
        full = !connection_->flush();
        if (full) break;
        ++sent;
        flatbuffers::FlatBufferBuilder builder;
        answer(builder, protocol::CreateAccepted(builder));
        ASSERT_TRUE(connection_->try_receive());
    }
    ASSERT_TRUE(full);
    ASSERT_NE(received(), nullptr);
    EXPECT_TRUE(connection_->flush());
}

TEST_F(ConnectionTest, AnAbandoningWaitLeavesByItsException) {
    request_run(*connection_);
    struct Abandoned {};
    EXPECT_THROW(exchange(*connection_, [](int, WaitFor) { throw Abandoned(); }), Abandoned);
}

TEST_F(ConnectionTest, RepliesOfAnotherKindAreRefused) {
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateAccepted(builder));
    EXPECT_EQ(sqlstate_of([&] { trained_model(receive(*connection_)); }), sqlstate::kProtocolViolation);
}

TEST_F(ConnectionTest, AModelThatDoesNotFitItsSegmentIsRefused) {
    const std::optional<protocol::Segment> segment = protocol::Segment::create(100);
    const std::vector<std::uint8_t> key(32);
    for (const auto& [manifest, weights] :
         {std::pair<std::uint64_t, std::uint64_t>{101, 0}, {60, 41}, {~std::uint64_t{0}, 2}, {50, ~std::uint64_t{0}}}) {
        flatbuffers::FlatBufferBuilder builder;
        answer(builder, protocol::CreateTrainReplyDirect(builder, &key, manifest, weights), segment->descriptor());
        EXPECT_EQ(sqlstate_of([&] { trained_model(receive(*connection_)); }), sqlstate::kProtocolViolation);
    }
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreateTrainReplyDirect(builder, &key, 60, 40), segment->descriptor());
    EXPECT_EQ(trained_model(receive(*connection_)).weights.size(), 40U);
}

TEST_F(ConnectionTest, APredictionThatIsNoBlockIsRefused) {
    flatbuffers::FlatBufferBuilder builder;
    answer(builder, protocol::CreatePredictReply(builder));
    EXPECT_EQ(sqlstate_of([&] { prediction(receive(*connection_)); }), sqlstate::kProtocolViolation);
    builder.Clear();
    const auto rows = protocol::CreateRows(builder, 0, 1 << 20);
    answer(builder, protocol::CreatePredictReply(builder, rows));
    EXPECT_EQ(sqlstate_of([&] { prediction(receive(*connection_)); }), sqlstate::kProtocolViolation);
}

// A listening socket in a directory of its own.
class ListeningTest : public testing::Test {
  protected:
    ListeningTest() {
        char name[] = "/tmp/tensile-client-XXXXXX";
        EXPECT_NE(mkdtemp(name), nullptr);
        directory_ = name;
    }
    ~ListeningTest() override { std::filesystem::remove_all(directory_); }

    std::string path() const { return directory_ + "/engine.sock"; }
    protocol::Descriptor bind_socket() {
        protocol::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().data(), path().size());
        EXPECT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return socket;
    }

    std::string directory_;
    std::unique_ptr<Connection> connection_;
};

TEST_F(ListeningTest, NoSocketAndADeadSocketAreAbsentEngines) {
    EXPECT_EQ(Connection::connect(path(), connection_), ConnectStatus::kAbsent);
    bind_socket();
    EXPECT_EQ(Connection::connect(path(), connection_), ConnectStatus::kAbsent);
    EXPECT_EQ(connection_, nullptr);
}

TEST_F(ListeningTest, AListeningSocketIsReachedBeforeAnybodyAccepts) {
    const protocol::Descriptor socket = bind_socket();
    ASSERT_EQ(listen(socket.get(), 8), 0);
    EXPECT_EQ(Connection::connect(path(), connection_), ConnectStatus::kConnected);
    request_run(*connection_);
    EXPECT_TRUE(connection_->flush());
}

TEST_F(ListeningTest, AFullQueueIsBusy) {
    const protocol::Descriptor socket = bind_socket();
    ASSERT_EQ(listen(socket.get(), 1), 0);
    std::vector<std::unique_ptr<Connection>> connections;
    ConnectStatus status = ConnectStatus::kConnected;
    for (int i = 0; i < 10 && status == ConnectStatus::kConnected; ++i)
        status = Connection::connect(path(), connections.emplace_back());
    EXPECT_EQ(status, ConnectStatus::kBusy);
}

TEST_F(ListeningTest, AnOverlongPathIsAnError) {
    EXPECT_EQ(sqlstate_of([&] { Connection::connect(std::string(200, 'x'), connection_); }), sqlstate::kSystemError);
}

}  // namespace
}  // namespace tensile::client
