// See server.h.
#include "server.h"

#include <thread>

namespace tensile::integration {

pqxx::connection connect(const std::string& application_name) {
    return pqxx::connection("application_name=" + application_name);
}

void prepare_database() {
    auto connection = connect("integration_setup");
    pqxx::work transaction(connection);
    transaction.exec("SELECT pg_catalog.pg_advisory_xact_lock(724001)");
    transaction.exec("SET LOCAL client_min_messages = warning");
    transaction.exec("CREATE EXTENSION IF NOT EXISTS tensile");
    transaction.exec(R"(
        CREATE TABLE IF NOT EXISTS integration_rows AS
        SELECT i::integer AS id, x1, x2, x3, (ARRAY['red', 'green', 'blue'])[1 + (i % 3)::integer] AS category,
               2 * x1 - x2 + CASE WHEN i % 3 = 0 THEN 1 ELSE 0 END AS y, x1 + x2 > 1 AS flag
        FROM (SELECT i, (i * 7919 % 1000) / 1000.0::float8 AS x1, (i * 104729 % 1000) / 1000.0::float8 AS x2,
                     (i * 1299709 % 1000) / 1000.0::float8 AS x3
              FROM generate_series(1, 20000::bigint) AS i) AS generated)");
    transaction.commit();
}

void train_small_model(pqxx::connection& connection, const std::string& name) {
    pqxx::nontransaction statement(connection);
    statement.exec("SELECT * FROM tensile.train(" + statement.quote(name) +
                   ", 'mlp', 'SELECT x1, x2, x3, category, y, flag FROM integration_rows', "
                   "target => '{y,flag}', options => '{\"epochs\": 2, \"hidden\": [16]}', replace => true)");
}

std::string long_training(const std::string& name) {
    return "SELECT * FROM tensile.train('" + name +
           "', 'mlp', 'SELECT x1, x2, x3, category, y FROM integration_rows', target => '{y}', "
           "options => '{\"epochs\": 10000, \"patience\": 0, \"hidden\": [256, 256]}')";
}

int engine_pid(pqxx::connection& connection) {
    pqxx::nontransaction statement(connection);
    const pqxx::row row = statement.exec1("SELECT coalesce(engine_pid, 0) FROM tensile.engine_status()");
    return row[0].as<int>();
}

std::string postmaster_start_time(pqxx::connection& connection) {
    pqxx::nontransaction statement(connection);
    return statement.exec1("SELECT pg_catalog.pg_postmaster_start_time()")[0].as<std::string>();
}

long session_pool_bytes(pqxx::connection& connection) {
    pqxx::nontransaction statement(connection);
    return statement.exec1("SELECT coalesce(sum(bytes), 0)::bigint FROM tensile.pool WHERE session <> 0")[0].as<long>();
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return condition();
}

}  // namespace tensile::integration
