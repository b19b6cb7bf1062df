// The request loop.
#include "engine/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "engine/evaluation_work.h"
#include "engine/model_messages.h"
#include "engine/series_work.h"
#include "engine/training_work.h"

namespace tensile {

namespace {

Error shutdown_error() {
    return {sqlstate::kCannotConnectNow, "tensile engine is shutting down"};
}

Error out_of_memory() {
    return {sqlstate::kOutOfMemory, "out of memory in the tensile engine"};
}

std::string session_name(const SessionStatus& status) {
    return "session " + std::to_string(status.id()) + " (process " + std::to_string(status.identity().backend_pid) +
           ")";
}

}  // namespace

Session::Session(const Resources& resources, const Monitor& monitor, const std::atomic<bool>& stopping,
                 std::string_view build_id, SessionStatus& status, protocol::Descriptor socket)
    : resources_(resources),
      monitor_(monitor),
      stopping_(stopping),
      build_id_(build_id),
      status_(status),
      port_(std::move(socket), resources.host),
      predictions_(resources_, status_, port_) {}

void Session::serve() noexcept {
    try {
        require_same_user();
        while (!stopping_ && serve_one()) {
        }
        if (stopping_) say_goodbye();
    } catch (const ClientGone&) {
        resources_.log.debug(session_name(status_) + " hung up");
    } catch (const std::exception& failure) {
        resources_.log.error(session_name(status_) + ": " + failure.what());
    }
    work_.reset();
}

bool Session::serve_one() {
    try {
        Request request;
        if (!port_.receive(request)) return false;
        if (!greeted_) return greet(request);
        dispatch(request);
    } catch (const ProtocolViolation& violation) {
        resources_.log.warning(session_name(status_) + ": " + violation.what() + ": " + violation.detail());
        send_error(violation);
        return false;
    } catch (const Error& error) {
        work_.reset();
        if (stopping_) return false;
        // The client of a stopped session is gone; the next receive() finds out.
        send_error(error);
    } catch (const std::bad_alloc&) {
        work_.reset();
        send_error(out_of_memory());
    } catch (const std::exception& failure) {
        work_.reset();
        resources_.log.error(session_name(status_) + ": " + failure.what());
        send_error(InternalError(std::string("unexpected failure in the tensile engine: ") + failure.what()));
    }
    return !status_.stop();
}

void Session::require_same_user() const {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (getsockopt(port_.socket(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid()) return;
    throw Error(sqlstate::kInsufficientPrivilege, "connection of another user refused");
}

bool Session::greet(const Request& request) {
    if (request.type() != protocol::Message::Hello) throw ProtocolViolation("first message is no greeting");
    const auto& hello = request.as<protocol::Hello>();
    if (hello.protocol_version() != protocol::kProtocolVersion || protocol::text_of(hello.build_id()) != build_id_) {
        send_error({sqlstate::kObjectNotInState, "tensile engine is of another build than the loaded library",
                    "The engine's build is \"" + build_id_ + "\", the library's is \"" +
                        std::string(protocol::text_of(hello.build_id())) + "\".",
                    "Restart the PostgreSQL server after an upgrade of tensile."});
        return false;
    }
    status_.set_identity({hello.backend_pid(), std::string(protocol::text_of(hello.user_name())),
                          std::string(protocol::text_of(hello.database_name())),
                          std::string(protocol::text_of(hello.application_name()))});
    greeted_ = true;
    resources_.log.debug(session_name(status_) + " began");
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    port_.send(protocol::CreateHelloReply(builder, getpid(), status_.id()));
    return true;
}

void Session::dispatch(const Request& request) {
    switch (request.type()) {
    case protocol::Message::Predict:
        return predictions_.predict(request);
    case protocol::Message::PredictBegin:
        return predictions_.begin(request.as<protocol::PredictBegin>());
    case protocol::Message::LoadModel:
        return predictions_.load(request);
    case protocol::Message::PredictEnd:
        return predictions_.end(request.as<protocol::PredictEnd>());
    case protocol::Message::TrainBegin:
        return begin_training(request.as<protocol::TrainBegin>());
    case protocol::Message::SeriesBegin: {
        work_.reset();
        const auto& message = request.as<protocol::SeriesBegin>();
        std::shared_ptr<LoadedModel> model =
            predictions_.find(model_key(message.model_key()), message.queue_timeout_ms());
        if (model == nullptr) return send_need_model(port_);
        work_ = std::make_unique<SeriesWork>(resources_, status_, port_, std::move(model), message);
        return send_accepted(port_);
    }
    case protocol::Message::EvaluateBegin: {
        work_.reset();
        const auto& message = request.as<protocol::EvaluateBegin>();
        std::shared_ptr<LoadedModel> model =
            predictions_.find(model_key(message.model_key()), message.queue_timeout_ms());
        if (model == nullptr) return send_need_model(port_);
        work_ = std::make_unique<EvaluationWork>(resources_, status_, port_, std::move(model), message);
        return send_accepted(port_);
    }
    case protocol::Message::SideTableBegin:
        if (work_ == nullptr) throw ProtocolViolation("side table without a training");
        return work_->begin_side_table(request.as<protocol::SideTableBegin>());
    case protocol::Message::AppendRows:
    case protocol::Message::Run:
        return append_or_run(request);
    case protocol::Message::MonitorRequest:
        return monitor_.reply(request.as<protocol::MonitorRequest>(), status_.identity().database_name, port_);
    default:
        throw ProtocolViolation(std::string("unexpected message ") + protocol::EnumNameMessage(request.type()));
    }
}

void Session::begin_training(const protocol::TrainBegin& message) {
    work_.reset();
    std::shared_ptr<LoadedModel> base;
    if (message.base_key() != nullptr) {
        base = predictions_.find(model_key(message.base_key()), message.queue_timeout_ms());
        if (base == nullptr) return send_need_model(port_);
    }
    auto training = std::make_unique<TrainingWork>(resources_, status_, port_, message, std::move(base));
    training->accept();
    work_ = std::move(training);
}

void Session::append_or_run(const Request& request) {
    if (work_ == nullptr) throw ProtocolViolation("rows without a training or evaluation");
    if (request.type() == protocol::Message::AppendRows) return work_->append(request);
    const std::unique_ptr<RowWork> work = std::move(work_);
    work->run();
}

void Session::send_error(const Error& error) {
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto code = builder.CreateString(error.sqlstate());
    const auto message = builder.CreateString(error.message());
    const auto detail = builder.CreateString(error.detail());
    const auto hint = builder.CreateString(error.hint());
    port_.send(protocol::CreateErrorReply(builder, code, message, detail, hint));
}

void Session::say_goodbye() noexcept {
    try {
        send_error(shutdown_error());
    } catch (const std::exception&) {
        // It goes down either way.
    } catch (const ClientGone&) {
        // So much the better.
    }
}

}  // namespace tensile
