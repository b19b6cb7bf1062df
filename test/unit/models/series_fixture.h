// What tests of series share: tables of observations, and the way from a query's rows to a stored model and back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/model_family.h"
#include "models/series/series_predictor.h"
#include "sample_table.h"
#include "tensor/error.h"

namespace tensile::testing {

inline constexpr Timestamp kSecond = 1'000'000;
inline constexpr Timestamp kHour = 3600 * kSecond;
inline constexpr Timestamp kDay = 24 * kHour;

// A closed form runs no program.
class NoRunner final : public ForwardRunner {
  public:
    void run(std::int64_t, const Fill&, const Take&) override { throw InternalError("no program was expected"); }
};

// Rows of observations, one by one.
struct Observations {
    std::vector<std::string> station;
    std::vector<Timestamp> time;
    std::vector<float> value;
    SampleTable::Nulls value_nulls;

    void add(std::string key, Timestamp when, float what) {
        station.push_back(std::move(key));
        time.push_back(when);
        value.push_back(what);
        value_nulls.push_back(0);
    }
    void add_null(std::string key, Timestamp when) {
        add(std::move(key), when, 0);
        value_nulls.back() = 1;
    }
    SampleTable table() const {
        SampleTable table;
        table.add_time("ts", time);
        table.add_text("station", station);
        table.add("value", value, value_nulls);
        return table;
    }
};

inline std::unique_ptr<Training> declare_series(const SampleTable& table, std::string options = "{}",
                                                std::string method = "seasonal_naive") {
    return family_named(method).train({"test", std::move(options), {}, table.descriptions()});
}

inline std::unique_ptr<Training> train_series(const SampleTable& table, std::string options = "{}",
                                              std::string method = "seasonal_naive") {
    auto training = declare_series(table, std::move(options), std::move(method));
    training->append_rows(table.rows());
    training->finish_rows(nullptr);
    return training;
}

// Stores a closed form as the engine does, and loads it again.
inline std::unique_ptr<Predictor> stored_and_loaded(const Training& training, std::string method = "seasonal_naive") {
    const std::string manifest = training.manifest();
    std::vector<std::byte> weights(training.host_weight_bytes(), std::byte{0xAB});
    training.write_host_weights(weights);
    auto predictor = family_named(method).load(manifest);
    EXPECT_EQ(predictor->weight_bytes(), weights.size());
    predictor->take_host_weights(weights);
    return predictor;
}

inline Error error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error";
    return Error("", "");
}

}  // namespace tensile::testing
