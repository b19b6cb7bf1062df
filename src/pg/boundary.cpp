// See boundary.h.
#include "pg/boundary.h"

#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "tensor/error.h"

#include "pg/pg_api.h"

namespace tensile {
namespace {

// Longer texts are cut; nothing of ours comes near.
constexpr std::size_t kMaxText = 64 * 1024;

// A copy in the current memory context, or nullptr without memory: an ERROR here would jump out of a catch block.
const char* copy_text(std::string_view text) noexcept {
    const std::size_t length = std::min(text.size(), kMaxText);
    auto* copy = static_cast<char*>(palloc_extended(length + 1, MCXT_ALLOC_NO_OOM));
    if (copy == nullptr) return nullptr;
    std::memcpy(copy, text.data(), length);
    copy[length] = '\0';
    return copy;
}

void describe(boundary::Failure& failure, std::string_view state, std::string_view message) noexcept {
    if (state.size() != sizeof(failure.sqlstate) - 1) state = sqlstate::kInternalError;
    std::memcpy(failure.sqlstate, state.data(), sizeof(failure.sqlstate) - 1);
    failure.message = copy_text(message);
}

void describe_out_of_memory(boundary::Failure& failure) noexcept {
    failure = {};
    std::memcpy(failure.sqlstate, sqlstate::kOutOfMemory.data(), sqlstate::kOutOfMemory.size());
    failure.message = "out of memory";
}

// Texts of C++ are UTF-8.
const char* in_server_encoding(const char* text) {
    return pg_any_to_server(text, static_cast<int>(strlen(text)), PG_UTF8);
}

// Puts the error handling of PostgreSQL back where it was, also when a C++ exception passes (which breaks rule 3, but
// must not leave a dangling jump target behind).
class HandlerState {
  public:
    HandlerState() = default;
    HandlerState(const HandlerState&) = delete;
    HandlerState& operator=(const HandlerState&) = delete;
    ~HandlerState() { restore(); }

    void restore() const {
        PG_exception_stack = exceptions_;
        error_context_stack = contexts_;
    }

  private:
    sigjmp_buf* exceptions_ = PG_exception_stack;
    ErrorContextCallback* contexts_ = error_context_stack;
};

}  // namespace

const char* PgError::what() const noexcept {
    return data_->message != nullptr ? data_->message : "PostgreSQL raised an error";
}

namespace boundary {

void describe_current_exception(Failure& failure) noexcept {
    try {
        throw;
    } catch (const PgError& error) {
        failure.postgres_error = error.data();
        return;
    } catch (const Error& error) {
        describe(failure, error.sqlstate(), error.message());
        if (!error.detail().empty()) failure.detail = copy_text(error.detail());
        if (!error.hint().empty()) failure.hint = copy_text(error.hint());
    } catch (const std::bad_alloc&) {
        describe_out_of_memory(failure);
    } catch (const std::exception& error) {
        describe(failure, sqlstate::kInternalError, error.what());
    } catch (...) {
        describe(failure, sqlstate::kInternalError, "an object of no known type was thrown");
    }
    if (failure.message == nullptr) describe_out_of_memory(failure);
}

void raise(const Failure& failure) {
    if (failure.postgres_error != nullptr) ReThrowError(failure.postgres_error);
    const char* state = failure.sqlstate;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
                    errmsg_internal("%s", in_server_encoding(failure.message)),
                    failure.detail != nullptr ? errdetail_internal("%s", in_server_encoding(failure.detail)) : 0,
                    failure.hint != nullptr ? errhint("%s", in_server_encoding(failure.hint)) : 0));
    pg_unreachable();
}

ErrorData* run_guarded(void (*run)(void*), void* argument) {
    HandlerState state;
    const MemoryContext context = CurrentMemoryContext;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        run(argument);
        return nullptr;
    }
    state.restore();  // first: what fails from here on belongs to the caller's handler
    MemoryContextSwitchTo(context);
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    return error;
}

}  // namespace boundary

void check_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION()) call_postgres([] { ProcessInterrupts(); });
}

}  // namespace tensile
