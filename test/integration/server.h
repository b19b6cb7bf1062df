// What the integration tests share: connections to the running server (libpq's environment says which), a table to
// learn from, and the states they look at. Each test leaves the server as it found it.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <pqxx/pqxx>

namespace tensile::integration {

// Connects as the environment says (PGHOST, PGPORT, PGDATABASE, PGUSER).
pqxx::connection connect(const std::string& application_name);

// Creates the extension and, once, the table `integration_rows` (x1, x2, x3, category, y, flag) with 20,000 rows.
void prepare_database();

// Trains a small model of that name over `integration_rows`, replacing an earlier one.
void train_small_model(pqxx::connection& connection, const std::string& name);

// A training that would take minutes, for tests that interrupt it.
std::string long_training(const std::string& name);

int engine_pid(pqxx::connection& connection);
std::string postmaster_start_time(pqxx::connection& connection);

// Bytes of the pool held or wanted by sessions (models that are loaded for everybody do not count).
long session_pool_bytes(pqxx::connection& connection);

// Polls until `condition` holds; false when it does not within the limit, which is generous on purpose: the tests
// assert that something happens, benchmarks measure how fast.
bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds(60));

}  // namespace tensile::integration
