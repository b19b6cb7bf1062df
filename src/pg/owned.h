// C++ objects owned by a memory context: PostgreSQL's code holds a plain pointer, and the object is destroyed when the
// context is reset or deleted, at the latest by the end of the query or transaction, whatever error comes between.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include "pg/boundary.h"

#include "pg/pg_api.h"

namespace tensile {

// Makes a T that lives as long as `context`. T's destructor must not call PostgreSQL. Runs in a PostgreSQL frame; what
// the constructor throws becomes an ereport.
template <typename T, typename... Arguments>
T* make_owned(MemoryContext context, Arguments&&... arguments) {
    static_assert(std::is_nothrow_destructible_v<T>);
    auto* callback =
        static_cast<MemoryContextCallback*>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
    T* object = run_cpp([&] { return new T(std::forward<Arguments>(arguments)...); });
    callback->arg = object;
    callback->func = [](void* argument) { delete static_cast<T*>(argument); };
    MemoryContextRegisterResetCallback(context, callback);
    return object;
}

}  // namespace tensile
