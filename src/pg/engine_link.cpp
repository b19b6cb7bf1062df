// See engine_link.h.
#include "pg/engine_link.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/run_directory.h"
#include "pg/supervisor_control.h"
#include "pg/wait_set.h"
#include "protocol/short_poll.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

#include "pg/compat.h"

namespace tensile {

// A connection and what belongs to it.
struct EngineLink {
    std::unique_ptr<client::Connection> connection;
    std::unique_ptr<WaitSet> waits;  // after the connection: it watches its socket
    protocol::ShortPoll poll;
    ResourceOwner owner = nullptr;  // nullptr: it lasts as long as the backend
    std::uint64_t number = 0;
    bool descriptor_counted = false;

    EngineLink() = default;
    EngineLink(const EngineLink&) = delete;
    EngineLink& operator=(const EngineLink&) = delete;
    ~EngineLink();

    // Safe also while an ERROR is under way.
    void close() noexcept {
        waits.reset();
        connection.reset();
        if (std::exchange(descriptor_counted, false)) ReleaseExternalFD();
    }
};

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kGreetingLimit{20};  // it may include the start of an engine
constexpr std::chrono::seconds kMonitorGreetingLimit{2};
constexpr long kBusyMilliseconds = 10;
constexpr long kStateMilliseconds = 250;
constexpr int kHopelessStarts = 2;

// What this backend keeps between calls; a process has one thread.
struct BackendState {
    std::vector<EngineLink*> owned;  // those that end with a resource owner
    std::uint64_t connections = 0;
    bool callback_registered = false;
    std::uint32_t wait_event = 0;
};

BackendState& backend_state() {
    static BackendState state;
    return state;
}

// The end of a resource owner, by commit or abort, ends the exchanges that began under it.
void release_links(ResourceReleasePhase phase, bool, bool, void*) {
    if (phase != RESOURCE_RELEASE_BEFORE_LOCKS) return;
    for (EngineLink* link : backend_state().owned) {
        if (link->owner != CurrentResourceOwner) continue;
        link->close();
        link->owner = nullptr;
    }
}

std::uint32_t reply_wait_event() {
    BackendState& state = backend_state();
    if (state.wait_event == 0)
        state.wait_event = call_postgres([] { return tensile::wait_event("TensileEngineReply"); });
    return state.wait_event;
}

// Nothing when nobody listens.
std::unique_ptr<client::Connection> try_connect() {
    std::unique_ptr<client::Connection> connection;
    while (true) {
        switch (client::Connection::connect(kSocketPath, connection)) {
        case client::ConnectStatus::kConnected:
            return connection;
        case client::ConnectStatus::kAbsent:
            return nullptr;
        case client::ConnectStatus::kBusy:
            wait_for_latch(kBusyMilliseconds, reply_wait_event());
        }
    }
}

std::unique_ptr<client::Connection> connect(EngineStart start) {
    auto connection = try_connect();
    if (connection) return connection;
    if (start == EngineStart::kNever)
        throw Error(sqlstate::kObjectNotInState, "the tensile engine is not running", "",
                    "It starts with the first call that needs it.");
    start_supervisor([&] {
        connection = try_connect();
        return connection != nullptr;
    });
    return connection;
}

// An engine that says itself why it cannot start is believed at once.
bool is_hopeless(const SupervisorState& state) {
    return state.failed_starts >= (state.start_failure.message.empty() ? kHopelessStarts : 1);
}

[[noreturn]] void fail_to_greet(const std::optional<SupervisorState>& state) {
    if (state && state->failed_starts > 0) throw_start_failure(state->start_failure);
    std::string detail;
    if (state) {
        detail = "The engine is in state \"" + state->state + "\".";
        if (!state->last_failure.empty()) detail += " Last failure: " + state->last_failure + ".";
    }
    throw Error(sqlstate::kCannotConnectNow, "the tensile engine does not answer", detail,
                "See tensile.engine_status() and the server log.");
}

struct Names {
    const char* user;
    const char* database;
    const char* application;
};

const char* in_utf8(const char* text) {
    return text == nullptr ? "" : pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

// Introduces this backend. An engine that is being started answers when it is ready.
void greet(EngineLink& link, Clock::time_point limit) {
    const Names names = call_postgres([] {
        return Names{in_utf8(GetUserNameFromId(GetUserId(), true)), in_utf8(get_database_name(MyDatabaseId)),
                     in_utf8(application_name)};
    });
    client::Connection& connection = *link.connection;
    client::request_hello(connection, {.build_id = TENSILE_BUILD_ID,
                                       .backend_pid = MyProcPid,
                                       .user_name = names.user,
                                       .database_name = names.database,
                                       .application_name = names.application});
    while (!connection.flush())
        wait_for_latch(kBusyMilliseconds, reply_wait_event());
    while (true) {
        if (const auto reply = connection.try_receive()) {
            client::expect<protocol::HelloReply>(*reply);
            return;
        }
        if (link.waits->wait(kStateMilliseconds, reply_wait_event()) != 0) continue;
        const auto state = current_supervisor_state();
        if ((state && is_hopeless(*state)) || Clock::now() >= limit) fail_to_greet(state);
    }
}

// The engine that was greeted died or was about to end, and nothing was asked of it yet: its successor may be.
bool may_greet_again(const EngineLink& link, const Error& error) {
    return link.connection->broken() &&
           (error.sqlstate() == sqlstate::kSystemError || error.sqlstate() == sqlstate::kCannotConnectNow);
}

void connect_and_greet(EngineLink& link, EngineStart start) {
    const auto limit = Clock::now() + (start == EngineStart::kNever ? kMonitorGreetingLimit : kGreetingLimit);
    while (true) {
        link.connection = connect(start);
        const int sockets[] = {link.connection->socket()};
        link.waits = std::make_unique<WaitSet>(sockets);
        try {
            return greet(link, limit);
        } catch (const Error& error) {
            if (!may_greet_again(link, error) || Clock::now() >= limit) throw;
        }
        link.waits.reset();
        wait_for_latch(kBusyMilliseconds, reply_wait_event());
    }
}

std::unique_ptr<EngineLink> open_link(EngineStart start) {
    auto link = std::make_unique<EngineLink>();
    link->descriptor_counted = call_postgres([] { return AcquireExternalFD(); });
    if (!link->descriptor_counted)
        throw Error(sqlstate::kInsufficientResources, "could not connect to the tensile engine",
                    "This process has too many open files.", "Increase max_files_per_process.");
    connect_and_greet(*link, start);
    link->number = ++backend_state().connections;
    return link;
}

// The engine has hung up, or said farewell, while the connection was idle.
bool is_stale(const EngineLink& link) {
    if (!link.connection || link.connection->broken()) return true;
    char byte = 0;
    const ssize_t count = ::recv(link.connection->socket(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return count >= 0 || (errno != EAGAIN && errno != EINTR);
}

// Polls first: the answer to one row comes sooner than a sleeping process wakes up. An interrupt ends the poll, and is
// served by the wait after it.
client::Reply receive_message(EngineLink& link) {
    std::optional<client::Reply> reply;
    const auto answered_or_interrupted = [&] {
        reply = link.connection->try_receive();
        return reply.has_value() || InterruptPending;
    };
    link.poll.run(answered_or_interrupted);
    while (!reply) {
        link.waits->wait(-1, reply_wait_event());
        reply = link.connection->try_receive();
    }
    return std::move(*reply);
}

void send_request(EngineLink& link) {
    if (link.connection->flush()) return;
    link.waits->watch(0, Interest::kWritable);
    do {
        link.waits->wait(-1, reply_wait_event());
    } while (!link.connection->flush());
    link.waits->watch(0, Interest::kReadable);
}

// Runs a part of an exchange. An answer of the engine leaves the connection in order, also when it is an error;
// anything else that is thrown leaves the exchange half done, and the connection is closed.
template <typename Part>
auto in_exchange(EngineLink& link, Part&& part) {
    try {
        return part();
    } catch (const Error&) {
        if (link.connection->broken()) link.close();
        throw;
    } catch (...) {
        link.close();
        throw;
    }
}

}  // namespace

EngineLink::~EngineLink() {
    close();
    std::erase(backend_state().owned, this);
}

EngineSession::EngineSession(std::unique_ptr<EngineLink> link) : link_(std::move(link)) {}
EngineSession::EngineSession(EngineSession&& other) noexcept = default;
EngineSession& EngineSession::operator=(EngineSession&& other) noexcept = default;
EngineSession::~EngineSession() = default;

EngineSession EngineSession::open(EngineStart start) {
    BackendState& state = backend_state();
    if (!state.callback_registered) {
        call_postgres([] { RegisterResourceReleaseCallback(release_links, nullptr); });
        state.callback_registered = true;
    }
    auto link = open_link(start);
    state.owned.push_back(link.get());
    link->owner = CurrentResourceOwner;
    return EngineSession(std::move(link));
}

EngineSession& EngineSession::shared(EngineStart start) {
    static std::optional<EngineSession> session;
    if (!session || is_stale(*session->link_)) {
        session.reset();
        session.emplace(EngineSession(open_link(start)));
    }
    return *session;
}

client::Connection& EngineSession::connection() {
    if (!link_->connection)
        throw Error(sqlstate::kSystemError, "connection to the tensile engine was closed", "",
                    "Try the command again.");
    return *link_->connection;
}

std::uint64_t EngineSession::number() const {
    return link_->number;
}

client::Reply EngineSession::exchange() {
    return exchange([](const client::Reply&) {});
}

client::Reply EngineSession::exchange(const std::function<void(const client::Reply&)>& observe) {
    connection();
    in_exchange(*link_, [&] { send_request(*link_); });
    while (true) {
        client::Reply reply = receive();
        if (!client::is_interim(reply)) return reply;
        try {
            observe(reply);
        } catch (...) {
            close();
            throw;
        }
    }
}

void EngineSession::send() {
    connection();
    in_exchange(*link_, [&] { send_request(*link_); });
}

client::Reply EngineSession::await_answer() {
    while (true) {
        client::Reply reply = receive();
        if (!client::is_interim(reply)) return reply;
    }
}

client::Reply EngineSession::receive() {
    connection();
    return in_exchange(*link_, [&] { return receive_message(*link_); });
}

void EngineSession::close() noexcept {
    link_->close();
}

}  // namespace tensile
