// Long work on the host ends soon after the stop flag is set: counted in steps done since, not in time.
#include "models/stop.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/metrics.h"
#include "models/table/row_collector.h"
#include "models/table/table_encoding.h"
#include "sample_table.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using testing::SampleTable;

TEST(StopPoint, LooksAgainWithinItsInterval) {
    std::atomic<bool> stop = false;
    StopPoint point(&stop);
    for (std::uint32_t step = 0; step < StopPoint::kInterval + 100; ++step)
        point.count();
    stop = true;
    std::uint32_t steps_since = 0;
    EXPECT_THROW(
        while (steps_since <= 2 * StopPoint::kInterval) {
            point.count();
            ++steps_since;
        },
        Error);
    EXPECT_LT(steps_since, StopPoint::kInterval);
    StopPoint never(nullptr);
    for (std::uint32_t step = 0; step < 2 * StopPoint::kInterval; ++step)
        never.count();
}

TEST(StopFlag, IsSeenWhileScoresAreSorted) {
    std::vector<double> scores;
    for (std::uint64_t i = 0; i < 2 * StopPoint::kInterval; ++i)
        scores.push_back(random_uniform(1, 0, i));
    std::vector<std::uint8_t> positive(scores.size(), 0);
    positive[0] = 1;
    std::atomic<bool> stop = false;
    EXPECT_TRUE(area_under_curve(scores, positive, &stop));
    stop = true;
    EXPECT_THROW(area_under_curve(scores, positive, &stop), Error);
}

// A column of several chunks each of which can be let go.
SampleTable tall_table() {
    SampleTable table;
    table.add("x", std::vector<float>(300'000, 1.5F));
    table.add("v", std::vector<float>(600'000, 1.5F), {}, 2);
    table.add_time("t", std::vector<std::int64_t>(300'000, 7));
    table.add("y", std::vector<float>(300'000, 1.0F));
    return table;
}

TEST(StopFlag, IsSeenBetweenTheChunksOfAColumn) {
    const SampleTable table = tall_table();
    const std::vector<int> targets = {3};
    RowCollector rows(table.descriptions(), targets, 0, 0);
    rows.append(table.rows());
    ASSERT_GE(rows.column(0).chunk_count(), 4);
    std::atomic<bool> stop = false;
    int visited = 0;
    const auto stop_in_the_second = [&](std::int64_t) { stop = ++visited == 2; };
    EXPECT_THROW(for_each_chunk(rows.column(0), &stop, stop_in_the_second), Error);
    EXPECT_EQ(visited, 2);

    stop = true;
    for (int column : {0, 1, 2})
        EXPECT_THROW(fit_encoding(rows.column(column), rows.is_training(), 10, &stop), Error) << column;
    EXPECT_THROW(TargetEncoding::fit(rows.column(3), rows.is_training(), &stop), Error);
}

TEST(StopFlag, IsSeenWhileCategoriesAreSorted) {
    std::vector<std::string> texts;
    for (int i = 0; i < 60'000; ++i)
        texts.push_back(std::to_string(i % 30'000));
    SampleTable table;
    table.add_text("c", texts);
    table.add("y", std::vector<float>(texts.size(), 1.0F));
    const std::vector<int> targets = {1};
    RowCollector rows(table.descriptions(), targets, 0, 0);
    rows.append(table.rows());
    const std::atomic<bool> stop = true;
    EXPECT_THROW(fit_encoding(rows.column(0), rows.is_training(), 30'000, &stop), Error);
}

}  // namespace
}  // namespace tensile
