// The view "link": empty before it is measured, then one row a direction.
#include "engine/link_view.h"

#include <gtest/gtest.h>

#include "support/memory_store.h"

namespace tensile {
namespace {

TEST(LinkView, IsEmptyBeforeTheLinkIsMeasured) {
    Link link;
    const CopyLanes lanes(link);
    EXPECT_TRUE(link_view(link, lanes).rows.empty());
    EXPECT_EQ(link_view(link, lanes).columns.size(), 7U);
}

TEST(LinkView, HasARowForEachDirection) {
    Link link;
    const CopyLanes lanes(link);
    testing::MemoryStore store(Link::kProbeBytes);
    link.measure(store);
    const MonitorView view = link_view(link, lanes);
    ASSERT_EQ(view.rows.size(), 2U);
    EXPECT_EQ(view.rows[0][1], "out");
    EXPECT_EQ(view.rows[1][1], "in");
    for (const auto& row : view.rows) {
        ASSERT_EQ(row.size(), view.columns.size());
        EXPECT_EQ(row[0], "spill");
        EXPECT_GT(std::stod(row[2].value()), 0);
        EXPECT_EQ(row[4], "0");
        EXPECT_EQ(row[5], "0");
        EXPECT_NE(row[6].value().substr(0, 4), "1970");
    }
}

}  // namespace
}  // namespace tensile
