// The error wall between C++ and PostgreSQL, both ways. It knows nothing of what runs on either side.
//
// C++ reports errors by throwing, PostgreSQL by ereport(ERROR), which is a siglongjmp. A C++ exception must never reach
// a PostgreSQL frame, and a longjmp must never pass a C++ frame whose destructors matter. The rules:
//
// 1. PostgreSQL calls C++ only through run_cpp() (SQL functions through TENSILE_SQL_FUNCTION, which contains it).
// Inside,
//    code throws tensile::Error and owns things as usual. What is thrown becomes an ereport(ERROR) with sqlstate,
//    message, detail and hint kept, after every destructor has run.
//        Datum answer(PG_FUNCTION_ARGS) { return run_cpp([&] { return compute(fcinfo); }); }
// 2. C++ calls PostgreSQL functions that may raise an ERROR (almost all may: palloc, syscache look-ups, SPI, WaitLatch)
//    only through call_postgres(). The ERROR becomes a PgError, which passes through C++ frames like any exception and
//    is rethrown unchanged at the outer run_cpp(): sqlstate, detail, hint, context and position are kept.
//        const Oid type = call_postgres([&] { return get_element_type(array); });
// 3. The body of call_postgres() is a PostgreSQL frame: an ERROR jumps out of its middle. It holds no object with a
//    destructor (no string, vector, lock_guard, unique_ptr), calls no C++ function that does, and does not throw. It
//    takes what it needs by reference and returns a trivial value (the compiler checks the latter).
// 4. Guard once per batch, not per tuple: a guard costs some 20 ns, but the habit of guarding single calls costs more.
//    Code that only calls PostgreSQL and owns nothing in C++ needs neither wall; write it as plain functions with
//    ereport.
// 5. A PgError must reach the outer wall. Catching one and going on is right only after the subtransaction in which it
//    arose has been aborted.
// 6. Between the PgError and the abort of the (sub)transaction PostgreSQL may still hold LWLocks. Destructors that run
// on the
//    way may free memory and close descriptors, but take no lock, touch no buffer, run no query.
// 7. FATAL passes no wall: it ends the process without unwinding. What must not survive it (connections, descriptors)
//    belongs to a ResourceOwner or an exit callback.
#pragma once

#include "pg/cpp_only.h"

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

struct ErrorData;

namespace tensile {

// An ERROR of PostgreSQL on its way through C++ frames. The data lie in the memory context that was current when
// call_postgres() was called.
class PgError : public std::exception {
  public:
    explicit PgError(ErrorData* data) noexcept : data_(data) {}

    const char* what() const noexcept override;  // the primary message
    ErrorData* data() const noexcept { return data_; }

  private:
    ErrorData* data_;
};

namespace boundary {

// What was thrown, in a form that survives the longjmp.
struct Failure {
    ErrorData* postgres_error = nullptr;
    char sqlstate[6] = {};
    const char* message = nullptr;
    const char* detail = nullptr;  // nullptr: none
    const char* hint = nullptr;
};

// Describes the exception that is being handled. Never fails: without memory it describes that.
void describe_current_exception(Failure& failure) noexcept;
[[noreturn]] void raise(const Failure& failure);
// Calls `run(argument)` and returns the ERROR that it raised, or nullptr.
ErrorData* run_guarded(void (*run)(void*), void* argument);

template <typename Result>
constexpr bool kMayCross = std::is_void_v<Result> ||
                           (std::is_trivially_copyable_v<Result> && std::is_trivially_destructible_v<Result>);

}  // namespace boundary

// Runs C++ code for a PostgreSQL caller (rule 1).
template <typename Body>
auto run_cpp(Body&& body) -> std::invoke_result_t<Body&> {
    static_assert(boundary::kMayCross<std::invoke_result_t<Body&>>, "only trivial values may cross the wall");
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<Body>>, "capture by reference");
    boundary::Failure failure;
    try {
        return body();
    } catch (...) {
        boundary::describe_current_exception(failure);
    }
    boundary::raise(failure);
}

// Runs PostgreSQL code for a C++ caller (rules 2 and 3). Throws PgError.
template <typename Body>
auto call_postgres(Body&& body) -> std::invoke_result_t<Body&> {
    using Closure = std::remove_reference_t<Body>;
    using Result = std::invoke_result_t<Body&>;
    static_assert(boundary::kMayCross<Result>, "only trivial values may cross the wall");
    static_assert(std::is_trivially_destructible_v<Closure>, "capture by reference");
    if constexpr (std::is_void_v<Result>) {
        auto run = [](void* argument) { (*static_cast<Closure*>(argument))(); };
        if (ErrorData* error = boundary::run_guarded(run, const_cast<void*>(static_cast<const void*>(&body))))
            throw PgError(error);
    } else {
        struct Call {
            Closure* body;
            std::optional<Result> result;
        } call{&body, std::nullopt};
        auto run = [](void* argument) {
            auto* self = static_cast<Call*>(argument);
            self->result.emplace((*self->body)());
        };
        if (ErrorData* error = boundary::run_guarded(run, &call)) throw PgError(error);
        return *call.result;
    }
}

// CHECK_FOR_INTERRUPTS for C++ frames: a pending cancel or timeout arrives as a PgError.
void check_interrupts();

}  // namespace tensile

// Defines the SQL-callable function `name` (version 1 calling convention); the braces that follow hold its C++ body,
// which returns a Datum, sees `fcinfo`, and may throw. Use after pg/pg_api.h.
#define TENSILE_SQL_FUNCTION(name)                                                      \
    static Datum name##_body(FunctionCallInfo fcinfo);                                  \
    extern "C" {                                                                        \
    PG_FUNCTION_INFO_V1(name);                                                          \
    Datum name(FunctionCallInfo fcinfo) {                                               \
        return ::tensile::run_cpp([fcinfo]() -> Datum { return name##_body(fcinfo); }); \
    }                                                                                   \
    }                                                                                   \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
