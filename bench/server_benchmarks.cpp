// Benchmarks that need a running server (libpq's environment says which; bench/run starts a throw-away one):
//
//   server_benchmarks reading | predict_query | predict_single | predict_clients | cancel | kill | thread_bits ...
//
// Each prints lines with minimum, median, 99th percentile and maximum. The server must have been built from this tree.
#include <csignal>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <pqxx/pqxx>

#include "measure.h"

namespace {

using tensile::bench::Samples;
using tensile::bench::Stopwatch;

pqxx::connection connect() {
    return pqxx::connection("application_name=server_benchmarks");
}

void execute(pqxx::connection& connection, const std::string& sql) {
    pqxx::nontransaction statement(connection);
    statement.exec(sql);
}

double number(pqxx::connection& connection, const std::string& sql) {
    pqxx::nontransaction statement(connection);
    return statement.exec1(sql)[0].as<double>();
}

// "x1, x2, ..., x32" with `format` around each number.
std::string columns(int count, const std::string& before, const std::string& after = "") {
    std::string list;
    for (int i = 1; i <= count; ++i)
        list += (i > 1 ? ", " : "") + before + std::to_string(i) + after;
    return list;
}

constexpr int kFeatures = 32;

// A table of a million rows of 32 real columns and a real target.
void prepare_wide_table(pqxx::connection& connection) {
    execute(connection, "SET client_min_messages = warning");
    execute(connection, "CREATE EXTENSION IF NOT EXISTS tensile");
    std::string list;
    for (int i = 1; i <= kFeatures; ++i)
        list += ", ((i * " + std::to_string(7919 + 104729 * i) + "::bigint) % 10007 / 10007.0)::real AS x" +
                std::to_string(i);
    execute(connection, "CREATE TABLE IF NOT EXISTS bench_wide AS SELECT i::real AS y" + list +
                            " FROM generate_series(1, 1000000) AS i");
    execute(connection, "VACUUM (ANALYZE, FREEZE) bench_wide");
    number(connection, "SELECT count(*) FROM bench_wide");
}

void prepare_model(pqxx::connection& connection, const std::string& name, const std::string& hidden, int features) {
    execute(connection,
            "SELECT * FROM tensile.train('" + name + "', 'mlp', 'SELECT y, " + columns(features, "x") +
                " FROM bench_wide LIMIT 20000', target => '{y}', options => '{\"epochs\": 1, \"hidden\": [" + hidden +
                "]}', replace => true)");
}

// Reading 32 real columns into the packed set against an executor run that deforms the same columns and discards them.
void reading() {
    auto connection = connect();
    prepare_wide_table(connection);
    execute(connection, "SET max_parallel_workers_per_gather = 0");
    Samples ours;
    Samples bare;
    Samples ratio;
    for (int round = 0; round < 9; ++round) {
        const double read_seconds =
            number(connection,
                   "SELECT value FROM tensile.train('bench_reading', 'mlp', 'SELECT * FROM bench_wide', "
                   "target => '{y}', options => '{\"epochs\": 1, \"hidden\": [1], \"batch_size\": 65536}', "
                   "replace => true) WHERE metric = 'seconds_reading'");
        // num_nulls looks at every column, so that the whole row is deformed; nothing is returned but one count.
        Stopwatch stopwatch;
        execute(connection, "SELECT count(*) FROM bench_wide WHERE num_nulls(y, " + columns(kFeatures, "x") + ") = 99");
        const double bare_seconds = stopwatch.seconds();
        ours.add(1.0 / read_seconds);
        bare.add(1.0 / bare_seconds);
        ratio.add(bare_seconds / read_seconds);
    }
    ours.print("reading 33 real columns into the packed set", "M rows/s");
    bare.print("the executor deforming the same rows, one count out", "M rows/s");
    ratio.print("ratio reading / bare", "x");
}

void predict_query() {
    auto connection = connect();
    prepare_wide_table(connection);
    prepare_model(connection, "bench_predict", "128, 128", kFeatures);
    const std::string list = columns(kFeatures, "x", " real");
    const std::string query = "SELECT count(p.predicted_y) FROM tensile.predict_query('bench_predict', 'SELECT " +
                              columns(kFeatures, "x") + " FROM bench_wide') AS p(" + list +
                              ", predicted_y double precision)";
    const std::string keys_only = "SELECT count(p.predicted_y) FROM tensile.predict_query('bench_predict', 'SELECT " +
                                  columns(kFeatures, "x") + " FROM bench_wide') AS p(predicted_y double precision)";
    for (const auto& [name, sql] :
         std::map<std::string, std::string>{{"predict_query, 1M rows x 32, hidden 128,128, all columns back", query},
                                            {"predict_query, the same, prediction only", keys_only}}) {
        Samples rate;
        for (int round = 0; round < 5; ++round) {
            Stopwatch stopwatch;
            number(connection, sql);
            rate.add(1.0 / stopwatch.seconds());
        }
        rate.print(name, "M rows/s");
    }
}

// One call at a time inside one statement: seconds a call of a model whose arithmetic is next to nothing.
void predict_single() {
    auto connection = connect();
    prepare_wide_table(connection);
    constexpr int kCalls = 20000;
    for (const auto& [hidden, features] : std::vector<std::pair<std::string, int>>{{"1", 1}, {"128, 128", kFeatures}}) {
        prepare_model(connection, "bench_single", hidden, features);
        const std::string rows =
            "FROM (SELECT " + columns(features, "x") + " FROM bench_wide LIMIT " + std::to_string(kCalls) + ") AS r";
        Samples per_call;
        for (int round = 0; round < 11; ++round) {
            Stopwatch empty_watch;
            number(connection, "SELECT count(num_nulls(r)) " + rows);
            const double empty = empty_watch.seconds();
            Stopwatch stopwatch;
            number(connection, "SELECT count(tensile.predict('bench_single', r)) " + rows);
            per_call.add((stopwatch.seconds() - empty) * 1e6 / kCalls);
        }
        per_call.print("predict() of one row, " + std::to_string(features) + " features, hidden " + hidden, "us");
    }
}

// Throughput of many sessions that predict row by row at once, with one and with a hundred predictions a statement.
void predict_clients() {
    auto connection = connect();
    prepare_wide_table(connection);
    prepare_model(connection, "bench_clients", "128, 128", kFeatures);
    constexpr std::chrono::seconds kDuration{3};
    for (const int calls : {1, 100}) {
        const std::string sql = "SELECT count(tensile.predict('bench_clients', r)) FROM (SELECT " +
                                columns(kFeatures, "x") + " FROM bench_wide LIMIT " + std::to_string(calls) + ") AS r";
        for (const int clients : {1, 2, 16, 96}) {
            std::atomic<bool> finished{false};
            std::atomic<int> ready{0};
            std::atomic<long> predictions{0};
            std::vector<std::thread> threads;
            for (int client = 0; client < clients; ++client) {
                threads.emplace_back([&] {
                    auto session = connect();
                    number(session, sql);  // loads the library and opens the slot
                    ++ready;
                    while (ready < clients)
                        std::this_thread::sleep_for(std::chrono::milliseconds(1));
                    while (!finished) {
                        number(session, sql);
                        predictions += calls;
                    }
                });
            }
            while (ready < clients)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            const long before = predictions;
            Stopwatch stopwatch;
            std::this_thread::sleep_for(kDuration);
            const double rate = static_cast<double>(predictions - before) / stopwatch.seconds();
            finished = true;
            for (std::thread& thread : threads)
                thread.join();
            std::printf("%4d predictions a statement, %3d clients %10.0f predictions/s\n", calls, clients, rate);
            std::fflush(stdout);
        }
    }
}

// From the cancel request to the error, and whether anything stays in the pool.
void cancel() {
    auto connection = connect();
    auto killer = connect();
    prepare_wide_table(connection);
    prepare_model(connection, "bench_cancel", "128, 128", kFeatures);
    const std::map<std::string, std::string> statements = {
        {"cancel during training",
         "SELECT * FROM tensile.train('bench_never', 'mlp', 'SELECT * FROM bench_wide LIMIT 100000', target => '{y}', "
         "options => '{\"epochs\": 10000, \"patience\": 0, \"hidden\": [256, 256]}')"},
        {"cancel during prediction",
         "SELECT count(p.predicted_y) FROM tensile.predict_query('bench_cancel', 'SELECT a.* FROM bench_wide AS a, "
         "generate_series(1, 20)') AS p(predicted_y double precision)"}};
    std::mt19937 random(20261);
    for (const auto& [name, sql] : statements) {
        Samples latency;
        Samples release;
        int surprises = 0;
        for (int attempt = 0; attempt < 250; ++attempt) {
            const int pid = connection.backendpid();
            std::chrono::steady_clock::time_point asked;
            std::thread canceller([&, delay = random() % 500] {
                std::this_thread::sleep_for(std::chrono::milliseconds(10 + delay));
                pqxx::nontransaction statement(killer);
                asked = std::chrono::steady_clock::now();
                statement.exec("SELECT pg_catalog.pg_cancel_backend(" + std::to_string(pid) + ")");
            });
            try {
                execute(connection, sql);
                ++surprises;
            } catch (const pqxx::sql_error& error) {
                if (error.sqlstate() != "57014") ++surprises;
            }
            const auto ended = std::chrono::steady_clock::now();
            canceller.join();
            latency.add(std::chrono::duration<double, std::milli>(ended - asked).count());
            while (number(killer, "SELECT coalesce(sum(bytes), 0) FROM tensile.pool WHERE session <> 0") > 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            release.add(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - asked).count());
        }
        latency.print(name + ": request to error", "ms");
        release.print(name + ": request to 0 bytes in the pool", "ms");
        std::printf("%-58s %d\n", (name + ": other outcomes").c_str(), surprises);
    }
}

void kill_engine() {
    auto observer = connect();
    prepare_wide_table(observer);
    prepare_model(observer, "bench_kill", "16", 4);
    const auto engine_pid = [&] {
        return static_cast<int>(number(observer, "SELECT coalesce(engine_pid, 0) FROM tensile.engine_status()"));
    };
    const std::string query = "SELECT sum(tensile.predict('bench_kill', r)) FROM (SELECT " + columns(4, "x") +
                              " FROM bench_wide LIMIT 10) AS r";
    const double started = number(observer, "SELECT extract(epoch FROM pg_postmaster_start_time())");
    std::atomic<bool> finished{false};
    std::atomic<long> answers{0};
    std::atomic<long> errors{0};
    std::atomic<int> dropped{0};
    std::vector<std::thread> clients;
    for (int client = 0; client < 32; ++client) {
        clients.emplace_back([&] {
            try {
                auto connection = connect();
                while (!finished) {
                    try {
                        number(connection, query);
                        ++answers;
                    } catch (const pqxx::sql_error& error) {
                        if (error.sqlstate() != "58000") throw;
                        ++errors;
                    }
                }
            } catch (const std::exception&) {
                ++dropped;
            }
        });
    }
    std::mt19937 random(7);
    Samples back;
    for (int round = 0; round < 100; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 400));
        const int pid = engine_pid();
        if (pid <= 0 || kill(pid, SIGKILL) != 0) continue;
        Stopwatch stopwatch;
        auto probe = connect();
        for (;;) {
            try {
                number(probe, query);
                if (engine_pid() != pid) break;
            } catch (const pqxx::sql_error&) {
            }
        }
        back.add(stopwatch.seconds() * 1000);
    }
    finished = true;
    for (std::thread& client : clients)
        client.join();
    back.print("engine killed: until a new statement is answered", "ms");
    std::printf("%-58s %ld answers, %ld statements failed (58000), %d sessions dropped, postmaster %s\n",
                "32 clients meanwhile", answers.load(), errors.load(), dropped.load(),
                number(observer, "SELECT extract(epoch FROM pg_postmaster_start_time())") == started ? "the same"
                                                                                                     : "RESTARTED");
}

// The same seed with 1, 2 and 4 threads: one digest of all weights and predictions each.
void thread_bits() {
    auto connection = connect();
    prepare_wide_table(connection);
    for (const int threads : {1, 2, 4}) {
        execute(connection, "ALTER SYSTEM SET tensile.threads = " + std::to_string(threads));
        execute(connection, "SELECT pg_reload_conf()");
        execute(connection, "SELECT pg_sleep(0.5)");
        prepare_model(connection, "bench_bits", "256, 128", kFeatures);
        pqxx::nontransaction statement(connection);
        const pqxx::row digest = statement.exec1(
            "SELECT md5(string_agg(w.bytes, NULL ORDER BY w.part)), (SELECT "
            "md5(string_agg(tensile.predict('bench_bits', r)::text, ',' ORDER BY y)) "
            "FROM (SELECT y, " +
            columns(kFeatures, "x") +
            " FROM bench_wide WHERE y <= 1000) AS r) "
            "FROM tensile_store.model AS m JOIN tensile_store.version AS v ON v.model = m.id AND v.number = "
            "m.current_version "
            "JOIN tensile_store.weight AS w ON w.version = v.id WHERE m.name = 'bench_bits'");
        std::printf("threads %d: weights %s, predictions %s\n", threads, digest[0].c_str(), digest[1].c_str());
    }
    execute(connection, "ALTER SYSTEM RESET tensile.threads");
    execute(connection, "SELECT pg_reload_conf()");
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, std::function<void()>> benchmarks = {{"reading", reading},
                                                                     {"predict_query", predict_query},
                                                                     {"predict_single", predict_single},
                                                                     {"cancel", cancel},
                                                                     {"kill", kill_engine},
                                                                     {"thread_bits", thread_bits},
                                                                     {"predict_clients", predict_clients}};
    for (int i = 1; i < argc; ++i) {
        const auto found = benchmarks.find(argv[i]);
        if (found == benchmarks.end()) {
            std::fprintf(stderr, "no such benchmark: %s\n", argv[i]);
            return 2;
        }
        try {
            found->second();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s: %s\n", argv[i], error.what());
            return 1;
        }
    }
    return 0;
}
