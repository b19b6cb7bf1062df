// When a poll looks, and when it leaves the wait to the caller at once. Counts calls; measures no time.
#include "protocol/short_poll.h"

#include <gtest/gtest.h>

namespace tensile::protocol {
namespace {

// One wait in which nothing arrives; whether it was polled for.
bool polls_in_vain(ShortPoll& poll) {
    bool looked = false;
    EXPECT_FALSE(poll.run([&] {
        looked = true;
        return false;
    }));
    return looked;
}

// Waits, nothing arriving, that are not polled for before one is.
std::uint32_t pause_before_next_poll(ShortPoll& poll) {
    std::uint32_t skipped = 0;
    while (skipped < 1000 && !polls_in_vain(poll))
        ++skipped;
    return skipped;
}

TEST(ShortPoll, LooksUntilSomethingIsFound) {
    ShortPoll poll;
    int looks = 0;
    EXPECT_TRUE(poll.run([&] { return ++looks == 3; }));
    EXPECT_EQ(looks, 3);
}

TEST(ShortPoll, GoesOnWhereItHelps) {
    ShortPoll poll;
    for (int wait = 0; wait < 1000; ++wait)
        EXPECT_TRUE(poll.run([] { return true; }));
}

TEST(ShortPoll, PausesEverLongerWhereItIsInVain) {
    ShortPoll poll;
    EXPECT_TRUE(polls_in_vain(poll));
    for (std::uint32_t pause = 1; pause <= ShortPoll::kLongestPause; pause *= 2)
        EXPECT_EQ(pause_before_next_poll(poll), pause);
    EXPECT_EQ(pause_before_next_poll(poll), ShortPoll::kLongestPause);
}

TEST(ShortPoll, ComesBackWithinABoundedNumberOfWaits) {
    ShortPoll poll;
    for (int wait = 0; wait < 1000; ++wait)
        polls_in_vain(poll);
    std::uint32_t waits = 0;
    for (int in_a_row = 0; in_a_row < 100 && waits < 1000; ++waits)
        in_a_row = poll.run([] { return true; }) ? in_a_row + 1 : 0;
    EXPECT_LE(waits, 2 * ShortPoll::kLongestPause + 100);
}

TEST(ShortPoll, OneFindDoesNotEndAPauseThatManyInVainHaveMade) {
    ShortPoll poll;
    for (int wait = 0; wait < 1000; ++wait)
        polls_in_vain(poll);
    while (!poll.run([] { return true; })) {
    }
    EXPECT_EQ(pause_before_next_poll(poll), ShortPoll::kLongestPause / 2);
}

}  // namespace
}  // namespace tensile::protocol
