// Graphs between the keys of a mode: edge tables and what is wrong with them, and the normalised adjacency.
#include "models/series/mode_graph.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "series_fixture.h"

namespace tensile {
namespace {

using namespace testing;
using ::testing::HasSubstr;

const SeriesMode kStations{"station", {"a", "b", "c"}};

ModeGraph graph_of(const SampleTable& table, const SeriesMode& mode = kStations) {
    ModeGraphCollector edges(0, mode.name, "roads", table.descriptions());
    edges.append(table.rows());
    return edges.build(mode);
}

SampleTable edges(const std::vector<std::string>& from, const std::vector<std::string>& to, std::vector<double> weights,
                  SampleTable::Nulls nulls = {}) {
    SampleTable table;
    table.add_text("src", from);
    table.add_text("dst", to);
    table.add("w", std::move(weights), std::move(nulls));
    return table;
}

TEST(ModeGraph, EdgesAreKeptSortedAndTheLastOfEqualOnesCounts) {
    const ModeGraph graph = graph_of(edges({"b", "a", "c", "a"}, {"a", "b", "c", "b"}, {2, 1, 5, 0.5}));
    ASSERT_EQ(graph.edges.size(), 3U);
    EXPECT_EQ(graph.edges[0].from, 0);
    EXPECT_EQ(graph.edges[0].to, 1);
    EXPECT_EQ(graph.edges[0].weight, 0.5F);
    EXPECT_EQ(graph.edges[2].from, 2);
    EXPECT_EQ(graph.edges[2].to, 2);  // a self loop
}

TEST(ModeGraph, WeightsMayBeLeftOutAndKeysMayBeIntegers) {
    SampleTable table;
    table.add("from", std::vector<std::int32_t>{10, 9});
    table.add("to", std::vector<std::int32_t>{9, 10});
    const ModeGraph graph = graph_of(table, {"site", {"10", "9"}});
    ASSERT_EQ(graph.edges.size(), 2U);
    EXPECT_EQ(graph.edges[0].weight, 1);
}

TEST(ModeGraph, UnknownKeysAreNamedAndCounted) {
    const Error one = error_of([] { graph_of(edges({"a", "x"}, {"b", "a"}, {1, 1})); });
    EXPECT_EQ(one.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(one.message(), "graph roads of mode \"station\" names a key \"x\" that has no series");
    EXPECT_EQ(one.detail(), "");
    EXPECT_THAT(one.hint(), HasSubstr("WHERE \"src\" IN (SELECT ...)"));
    const Error many = error_of([] { graph_of(edges({"x", "y", "a"}, {"y", "z", "x"}, {1, 1, 1})); });
    EXPECT_EQ(many.detail(), "2 more keys are unknown.");
    EXPECT_EQ(error_of([] { graph_of(edges({}, {}, {})); }).message(), "graph roads of mode \"station\" has no edges");
}

TEST(ModeGraph, WeightsMustBeFiniteAndNotNegative) {
    const auto error = [](double weight, bool null = false) {
        return error_of([&] {
            graph_of(edges({"a", "b"}, {"b", "c"}, {1, weight}, {0, null ? std::uint8_t{1} : std::uint8_t{0}}));
        });
    };
    EXPECT_EQ(error(0, true).sqlstate(), "22004");
    EXPECT_EQ(error(0, true).message(), "weight of an edge of graph roads of mode \"station\" is NULL");
    EXPECT_EQ(error(-1).sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(error(-1).message(), "weight of an edge of graph roads of mode \"station\" is negative");
    EXPECT_EQ(error(-1).detail(), "The edge leads from \"b\" to \"c\".");
    EXPECT_THAT(error(std::nan("")).message(), HasSubstr("is NaN"));
    EXPECT_THAT(error(std::numeric_limits<double>::infinity()).message(), HasSubstr("is infinite"));
    EXPECT_THAT(error(1e300).message(), HasSubstr("is infinite"));
    SampleTable null_key;
    null_key.add_text("src", {"a"}, {1});
    null_key.add_text("dst", {"b"});
    const Error key = error_of([&] { graph_of(null_key); });
    EXPECT_EQ(key.sqlstate(), "22004");
    EXPECT_EQ(key.message(), "column \"src\" of graph roads is NULL in a row");
}

TEST(ModeGraph, OtherColumnsAreRefused) {
    const auto error = [](const SampleTable& table) {
        const Error found = error_of([&] { graph_of(table); });
        EXPECT_EQ(found.sqlstate(), sqlstate::kDatatypeMismatch);
        return found;
    };
    SampleTable one;
    one.add_text("src", {"a"});
    EXPECT_EQ(error(one).message(), "graph roads has 1 column");
    SampleTable text_weight;
    for (const char* name : {"a", "b", "c"})
        text_weight.add_text(name, {"a"});
    EXPECT_EQ(error(text_weight).message(), "column \"c\" of graph roads has type text");
    SampleTable real_keys;
    real_keys.add("src", std::vector<double>{1});
    real_keys.add("dst", std::vector<double>{2});
    error(real_keys);
}

TEST(ModeGraph, TheAdjacencyIsNormalisedOnBothSides) {
    ModeGraph graph;
    graph.edges = {{0, 1, 2}, {1, 0, 2}, {1, 2, 6}, {2, 1, 6}};  // 3 is isolated
    const std::vector<float> matrix = normalized_adjacency(graph, 4, 10);
    EXPECT_FLOAT_EQ(matrix[1], 2 / std::sqrt(2.0F * 8.0F));
    EXPECT_FLOAT_EQ(matrix[4], matrix[1]);
    EXPECT_FLOAT_EQ(matrix[6], 6 / std::sqrt(8.0F * 6.0F));
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(matrix[12 + i], 0);
        EXPECT_EQ(matrix[4 * i + 3], 0);
    }
    // The square roots of the degrees are an eigenvector, with eigenvalue 1.
    const float roots[] = {std::sqrt(2.0F), std::sqrt(8.0F), std::sqrt(6.0F), 0};
    for (std::size_t i = 0; i < 4; ++i) {
        float product = 0;
        for (std::size_t j = 0; j < 4; ++j)
            product += matrix[4 * i + j] * roots[j];
        EXPECT_NEAR(product, roots[i], 1e-6F);
    }
    // An edge in one direction only.
    graph.edges = {{0, 1, 3}};
    EXPECT_EQ(normalized_adjacency(graph, 2, 10), (std::vector<float>{0, 1, 0, 0}));
    EXPECT_EQ(error_of([&] { normalized_adjacency(graph, 11, 10); }).sqlstate(), sqlstate::kProgramLimitExceeded);
}

}  // namespace
}  // namespace tensile
