// The run-time files of supervisor and engine, in $PGDATA/pgsql_tmp_tensile/ (pg_basebackup skips that name). Only the
// holder of its lock, which is the one supervisor of the server, may change what is in it. Knows nothing of PostgreSQL
// but that the current directory of all its processes is the data directory, which keeps the socket's path short.
#pragma once

#include "pg/cpp_only.h"

#include <optional>

#include "protocol/descriptor.h"

namespace tensile {

using protocol::Descriptor;

inline constexpr char kRunDirectory[] = "pgsql_tmp_tensile";
inline constexpr char kSocketPath[] = "pgsql_tmp_tensile/engine.sock";
inline constexpr char kStatePath[] = "pgsql_tmp_tensile/state.json";

class RunDirectory {
  public:
    // Creates the directory if need be and takes its lock. Nothing when another process holds it. Throws Error 58030.
    static std::optional<RunDirectory> lock();

    // Removes what an earlier supervisor and its engines left.
    void empty() const;
    // A socket that is bound and listening. Throws Error 58030.
    Descriptor listen() const;
    // Takes the socket's name away, so that new clients see at once that nobody listens.
    void remove_socket() const;

  private:
    explicit RunDirectory(Descriptor lock_file) : lock_file_(std::move(lock_file)) {}

    Descriptor lock_file_;
};

}  // namespace tensile
