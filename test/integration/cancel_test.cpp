// Cancel, statement_timeout, terminate and client loss at random moments of training and prediction: the statement ends
// with the right sqlstate, nothing stays in the pool, no half model is stored, and the session (if it lives) goes on.
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "server.h"

namespace tensile::integration {
namespace {

constexpr int kTries = 12;

class Cancel : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        prepare_database();
        auto connection = connect("integration_setup");
        train_small_model(connection, "cancel_predict");
    }
    static int models_named(pqxx::connection& connection, const std::string& name) {
        pqxx::nontransaction statement(connection);
        return statement.exec_params1("SELECT count(*) FROM tensile_store.model WHERE name = $1", name)[0].as<int>();
    }
    static std::string prediction() {
        return "SELECT count(*) FROM tensile.predict_query('cancel_predict', "
               "'SELECT r.* FROM integration_rows AS r, generate_series(1, 500)') "
               "AS p(id integer, x1 double precision, x2 double precision, x3 double precision, category text, "
               "y double precision, flag boolean, predicted_y double precision, predicted_flag boolean)";
    }
    // Runs `query` until it fails and returns its sqlstate, or "" when it ended well or the connection was lost.
    static std::string failure_of(pqxx::connection& connection, const std::string& query) {
        try {
            pqxx::nontransaction statement(connection);
            statement.exec(query);
        } catch (const pqxx::sql_error& error) {
            return error.sqlstate();
        } catch (const pqxx::broken_connection&) {
            return "lost";
        }
        return "";
    }
    static std::mt19937 random_;
};

std::mt19937 Cancel::random_{20261};

TEST_F(Cancel, CancelRequestEndsTraining) {
    auto observer = connect("integration_observer");
    auto victim = connect("integration_victim");
    for (int attempt = 0; attempt < kTries; ++attempt) {
        const int pid = victim.backendpid();
        std::thread canceller([&, delay = random_() % 400] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + delay));
            pqxx::nontransaction statement(observer);
            statement.exec_params("SELECT pg_catalog.pg_cancel_backend($1)", pid);
        });
        const std::string sqlstate = failure_of(victim, long_training("cancel_training"));
        canceller.join();
        EXPECT_EQ(sqlstate, "57014");
        EXPECT_TRUE(eventually([&] { return session_pool_bytes(observer) == 0; }));
        EXPECT_EQ(models_named(observer, "cancel_training"), 0);
    }
    // The same session still works.
    EXPECT_NO_THROW(train_small_model(victim, "cancel_predict"));
}

TEST_F(Cancel, StatementTimeoutEndsTraining) {
    auto observer = connect("integration_observer");
    auto victim = connect("integration_victim");
    for (int attempt = 0; attempt < kTries; ++attempt) {
        {
            pqxx::nontransaction statement(victim);
            statement.exec("SET statement_timeout = " + std::to_string(20 + random_() % 300));
        }
        EXPECT_EQ(failure_of(victim, long_training("cancel_training")), "57014");
        EXPECT_TRUE(eventually([&] { return session_pool_bytes(observer) == 0; }));
    }
    EXPECT_EQ(models_named(observer, "cancel_training"), 0);
}

TEST_F(Cancel, StatementTimeoutEndsPrediction) {
    auto observer = connect("integration_observer");
    auto victim = connect("integration_victim");
    {
        pqxx::nontransaction statement(victim);
        statement.exec("SET statement_timeout = 150");
    }
    for (int attempt = 0; attempt < kTries; ++attempt)
        EXPECT_EQ(failure_of(victim, prediction()), "57014");
    EXPECT_TRUE(eventually([&] { return session_pool_bytes(observer) == 0; }));
}

TEST_F(Cancel, TerminateEndsTraining) {
    auto observer = connect("integration_observer");
    for (int attempt = 0; attempt < kTries / 2; ++attempt) {
        auto victim = connect("integration_victim");
        const int pid = victim.backendpid();
        std::thread terminator([&, delay = random_() % 300] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + delay));
            pqxx::nontransaction statement(observer);
            statement.exec_params("SELECT pg_catalog.pg_terminate_backend($1)", pid);
        });
        const std::string failure = failure_of(victim, long_training("cancel_training"));
        terminator.join();
        EXPECT_TRUE(failure == "57P01" || failure == "lost") << failure;
        EXPECT_TRUE(eventually([&] { return session_pool_bytes(observer) == 0; }));
    }
    EXPECT_EQ(models_named(observer, "cancel_training"), 0);
}

}  // namespace
}  // namespace tensile::integration
