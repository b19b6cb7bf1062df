// A hundred clients at once: every one gets right answers, and the pool is empty of sessions afterwards.
#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server.h"

namespace tensile::integration {
namespace {

class Concurrency : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prepare_database(); }
};

TEST_F(Concurrency, HundredClientsPredictTheSame) {
    auto setup = connect("integration_setup");
    train_small_model(setup, "concurrency_shared");
    const std::string query =
        "SELECT sum(tensile.predict('concurrency_shared', r, task => 'y')) "
        "FROM (SELECT x1, x2, x3, category FROM integration_rows WHERE id <= 50) AS r";
    double expected = 0;
    {
        pqxx::nontransaction statement(setup);
        expected = statement.exec1(query)[0].as<double>();
    }
    ASSERT_TRUE(std::isfinite(expected));

    constexpr int kClients = 100;
    std::atomic<int> right{0};
    std::vector<std::string> failures(kClients);
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([&, client] {
            try {
                auto connection = connect("integration_client");
                for (int round = 0; round < 3; ++round) {
                    pqxx::nontransaction statement(connection);
                    const double answer = statement.exec1(query)[0].as<double>();
                    if (answer != expected) throw std::runtime_error("answer " + std::to_string(answer));
                }
                ++right;
            } catch (const std::exception& error) {
                failures[static_cast<std::size_t>(client)] = error.what();
            }
        });
    }
    for (std::thread& client : clients)
        client.join();
    for (const std::string& failure : failures)
        EXPECT_EQ(failure, "");
    EXPECT_EQ(right.load(), kClients);
    EXPECT_TRUE(eventually([&] { return session_pool_bytes(setup) == 0; }));
}

TEST_F(Concurrency, TrainingsOfManySessionsGiveTheBitsOfOneAlone) {
    auto setup = connect("integration_setup");
    train_small_model(setup, "concurrency_alone");
    constexpr int kClients = 8;
    std::vector<std::string> failures(kClients);
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([&failures, client] {
            try {
                auto connection = connect("integration_client");
                train_small_model(connection, "concurrency_" + std::to_string(client));
            } catch (const std::exception& error) {
                failures[static_cast<std::size_t>(client)] = error.what();
            }
        });
    }
    for (std::thread& client : clients)
        client.join();
    for (const std::string& failure : failures)
        EXPECT_EQ(failure, "");
    pqxx::nontransaction statement(setup);
    const pqxx::row row = statement.exec1(R"(
        SELECT count(*), count(DISTINCT w.bytes)
        FROM tensile_store.model AS m
        JOIN tensile_store.version AS v ON v.model = m.id AND v.number = m.current_version
        JOIN tensile_store.weight AS w ON w.version = v.id
        WHERE m.name LIKE 'concurrency\_%' AND m.name <> 'concurrency_shared')");
    EXPECT_EQ(row[0].as<int>(), kClients + 1);
    EXPECT_EQ(row[1].as<int>(), 1);
}

}  // namespace
}  // namespace tensile::integration
