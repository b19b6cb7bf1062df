// The engine is killed while many clients use it: their statements may fail with 58000 (system error) and succeed when
// repeated, no session is dropped, the postmaster restarts nothing, and committed models are still there.
#include <csignal>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server.h"

namespace tensile::integration {
namespace {

constexpr int kClients = 32;
constexpr int kKills = 6;

// Or as many as TENSILE_KILLS says.
int kill_count() {
    const char* const count = std::getenv("TENSILE_KILLS");
    return count == nullptr ? kKills : std::stoi(count);
}

TEST(EngineKill, CostsNobodyElseAnything) {
    prepare_database();
    auto observer = connect("integration_observer");
    train_small_model(observer, "kill_model");
    const std::string started = postmaster_start_time(observer);

    std::atomic<bool> finished{false};
    std::atomic<long> answers{0};
    std::atomic<long> failed_statements{0};
    std::vector<std::string> surprises(kClients);
    std::vector<std::jthread> clients;
    // Ends the clients before they are joined, also when an assertion leaves the test early.
    struct Finisher {
        std::atomic<bool>& flag;
        ~Finisher() { flag = true; }
    } finisher{finished};
    for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([&, client] {
            try {
                auto connection = connect("integration_client");
                while (!finished) {
                    try {
                        pqxx::nontransaction statement(connection);
                        statement.exec(
                            "SELECT sum(tensile.predict('kill_model', r, task => 'y')) "
                            "FROM (SELECT x1, x2, x3, category FROM integration_rows WHERE id <= 20) AS r");
                        ++answers;
                    } catch (const pqxx::sql_error& error) {
                        // Anything but the loss of the engine is a defect.
                        if (error.sqlstate() != "58000") throw;
                        ++failed_statements;
                    }
                }
            } catch (const std::exception& error) {
                surprises[static_cast<std::size_t>(client)] = error.what();
            }
        });
    }

    const int kills = kill_count();
    for (int kill_number = 0; kill_number < kills; ++kill_number) {
        const long before = answers;
        ASSERT_TRUE(eventually([&] { return answers > before + kClients; }));
        const int pid = engine_pid(observer);
        ASSERT_GT(pid, 0);
        ASSERT_EQ(kill(pid, SIGKILL), 0);
        EXPECT_TRUE(eventually([&] {
            const int now = engine_pid(observer);
            return now > 0 && now != pid;
        }));
    }
    const long before = answers;
    EXPECT_TRUE(eventually([&] { return answers > before + kClients; }));
    finished = true;
    clients.clear();

    for (const std::string& surprise : surprises)
        EXPECT_EQ(surprise, "");
    EXPECT_EQ(postmaster_start_time(observer), started);
    pqxx::nontransaction statement(observer);
    EXPECT_EQ(statement.exec1("SELECT count(*) FROM tensile.models WHERE name = 'kill_model'")[0].as<int>(), 1);
}

TEST(EngineKill, DuringTrainingIsAnErrorAndLosesNothing) {
    prepare_database();
    auto observer = connect("integration_observer");
    auto victim = connect("integration_victim");
    train_small_model(observer, "kill_before");
    const int pid = engine_pid(observer);
    ASSERT_GT(pid, 0);
    std::string sqlstate;
    std::jthread training([&] {
        try {
            pqxx::nontransaction statement(victim);
            statement.exec(long_training("kill_training"));
        } catch (const pqxx::sql_error& error) {
            sqlstate = error.sqlstate();
        }
    });
    EXPECT_TRUE(eventually([&] {
        pqxx::nontransaction statement(observer);
        return statement.exec1("SELECT count(*) FROM tensile.progress WHERE model = 'kill_training' AND step > 0")[0]
                   .as<int>() == 1;
    }));
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    training.join();
    EXPECT_EQ(sqlstate, "58000");
    // The session that lost its training goes on, and so does what was committed.
    pqxx::nontransaction statement(victim);
    EXPECT_EQ(statement.exec1("SELECT count(*) FROM tensile.models WHERE name = 'kill_training'")[0].as<int>(), 0);
    EXPECT_NO_THROW(
        statement.exec("SELECT tensile.predict('kill_before', r, task => 'y') "
                       "FROM (SELECT x1, x2, x3, category FROM integration_rows LIMIT 1) AS r"));
}

}  // namespace
}  // namespace tensile::integration
