// The checker accepts plans that are right and rejects every way of breaking them, for the right reason.
#include "planner/checker.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tensor/error.h"
#include "unit/planner/sample_plans.h"

namespace tensile {
namespace {

constexpr std::uint64_t kP = kSampleBytes;

::testing::AssertionResult proved(const SamplePlan& sample) {
    const auto violation = find_violation(sample.program, sample.plan);
    if (violation) return ::testing::AssertionFailure() << *violation;
    return ::testing::AssertionSuccess();
}

// Whether the sample, broken by `change`, is rejected with a sentence that contains `because`.
::testing::AssertionResult rejected(SamplePlan sample, const std::string& because,
                                    const std::function<void(LoweredProgram&, Plan&)>& change) {
    change(sample.program, sample.plan);
    const auto violation = find_violation(sample.program, sample.plan);
    if (!violation) return ::testing::AssertionFailure() << "the plan was accepted";
    if (violation->find(because) == std::string::npos) return ::testing::AssertionFailure() << *violation;
    return ::testing::AssertionSuccess();
}

// Like the step sample, but the input's bytes are those of `v`: the next batch waits for the copy out of `v`.
SamplePlan feeding_sample() {
    SamplePlan made = step_sample();
    made.plan.places[0].offset = 4 * kP;
    made.plan.actions[1].waits = {0};
    made.plan.actions[1].previous_waits.clear();
    made.plan.feed_waits = {10};
    return made;
}

TEST(Checker, AcceptsTheSamples) {
    EXPECT_TRUE(proved(step_sample()));
    EXPECT_TRUE(proved(away_sample()));
    EXPECT_TRUE(proved(feeding_sample()));
    EXPECT_NO_THROW(check_plan(step_sample().program, step_sample().plan));
}

TEST(Checker, ThrowsTheViolation) {
    SamplePlan broken = step_sample();
    broken.plan.actions[4].waits.clear();
    EXPECT_THROW(check_plan(broken.program, broken.plan), InternalError);
}

TEST(Checker, RejectsProgramsThatCannotBeRight) {
    EXPECT_TRUE(rejected(step_sample(), "uses a tensor that does not exist",
                         [](LoweredProgram& program, Plan&) { program.ops[0].reads[0] = 10; }));
    EXPECT_TRUE(rejected(step_sample(), "uses a tensor that does not exist",
                         [](LoweredProgram& program, Plan&) { program.ops[0].reads[0] = -1; }));
    EXPECT_TRUE(rejected(step_sample(), "uses a tensor that does not exist",
                         [](LoweredProgram& program, Plan&) { program.ops[0].writes[0] = 10; }));
    EXPECT_TRUE(rejected(step_sample(), "before any op has written it",
                         [](LoweredProgram& program, Plan&) { program.ops[0].reads[0] = 5; }));
    EXPECT_TRUE(rejected(step_sample(), "is scratch but op 1",
                         [](LoweredProgram& program, Plan&) { program.ops[1].reads.push_back(4); }));
    EXPECT_TRUE(rejected(step_sample(), "is scratch but is used by more than one op",
                         [](LoweredProgram& program, Plan&) { program.ops[1].writes.push_back(4); }));
    EXPECT_TRUE(rejected(step_sample(), ", a constant",
                         [](LoweredProgram& program, Plan&) { program.ops[1].writes.push_back(9); }));
    EXPECT_TRUE(rejected(step_sample(), "is an output that nothing writes", [](LoweredProgram& program, Plan&) {
        program.tensors.push_back({"z", LoweredKind::kResult, kP, {}, true});
    }));
}

TEST(Checker, RejectsMalformedActions) {
    EXPECT_TRUE(
        rejected(step_sample(), "for another program", [](LoweredProgram&, Plan& plan) { plan.homes.pop_back(); }));
    EXPECT_TRUE(rejected(step_sample(), "does not know",
                         [](LoweredProgram&, Plan& plan) { plan.actions[1].kind = static_cast<ActionKind>(3); }));
    for (const std::int32_t nobody : {-1, 11}) {
        EXPECT_TRUE(rejected(step_sample(), "names a subject that does not exist",
                             [=](LoweredProgram&, Plan& plan) { plan.actions[1].subject = nobody; }));
        EXPECT_TRUE(rejected(step_sample(), "opens a place that does not exist",
                             [=](LoweredProgram&, Plan& plan) { plan.actions[0].opens[0] = nobody; }));
        EXPECT_TRUE(rejected(step_sample(), "waits for an action that does not exist",
                             [=](LoweredProgram&, Plan& plan) { plan.actions[1].previous_waits[0] = nobody; }));
        EXPECT_TRUE(rejected(step_sample(), "the inputs wait for an action that does not exist",
                             [=](LoweredProgram&, Plan& plan) { plan.feed_waits = {nobody}; }));
        EXPECT_TRUE(rejected(step_sample(), "an initial place does not exist",
                             [=](LoweredProgram&, Plan& plan) { plan.initial_places[0] = nobody; }));
        EXPECT_TRUE(rejected(step_sample(), "of a tensor that does not exist",
                             [=](LoweredProgram&, Plan& plan) { plan.places[0].tensor = nobody; }));
    }
    EXPECT_TRUE(rejected(step_sample(), "names a subject that does not exist",
                         [](LoweredProgram&, Plan& plan) { plan.actions[0].subject = 6; }));
    for (const std::int32_t later : {-1, 4, 10})
        EXPECT_TRUE(rejected(step_sample(), "waits for an action that is not before it",
                             [=](LoweredProgram&, Plan& plan) { plan.actions[4].waits[0] = later; }));
    EXPECT_TRUE(rejected(step_sample(), "opens places but is a copy",
                         [](LoweredProgram&, Plan& plan) { plan.actions[1].opens = {2}; }));
    EXPECT_TRUE(rejected(step_sample(), "\"fifth\" never runs",
                         [](LoweredProgram&, Plan& plan) { plan.actions[8].subject = 3; }));
}

TEST(Checker, RejectsMisshapenPlaces) {
    const auto with_place = [](std::size_t index, std::uint64_t offset, std::uint64_t bytes) {
        return [=](LoweredProgram&, Plan& plan) {
            plan.places[index].offset = offset;
            plan.places[index].bytes = bytes;
        };
    };
    EXPECT_TRUE(rejected(step_sample(), "the state reaches beyond the extent",
                         [](LoweredProgram&, Plan& plan) { plan.state_bytes = 6 * kP; }));
    EXPECT_TRUE(rejected(step_sample(), "lives outside but has a place",
                         [](LoweredProgram&, Plan& plan) { plan.places[10].tensor = 9; }));
    EXPECT_TRUE(rejected(step_sample(), "lives outside but has a place",
                         [](LoweredProgram&, Plan& plan) { plan.homes[1] = {}; }));
    EXPECT_TRUE(rejected(step_sample(), "is not aligned", with_place(8, 2 * kP + 32, kP)));
    // Enough for a tensor that is never copied, too little for one that is.
    EXPECT_TRUE(rejected(step_sample(), "is not aligned", with_place(3, 2 * kP + 64, kP)));
    EXPECT_TRUE(rejected(step_sample(), "is too small", with_place(8, 2 * kP, kP - 64)));
    EXPECT_TRUE(rejected(step_sample(), "is too small", with_place(8, 2 * kP, kP + 32)));
    EXPECT_TRUE(rejected(step_sample(), "is too small", with_place(3, 2 * kP, kP + 64)));
    EXPECT_TRUE(rejected(step_sample(), "reaches beyond the extent", with_place(8, 4 * kP + 64, kP)));
    EXPECT_TRUE(rejected(step_sample(), "reaches beyond the extent", with_place(8, ~std::uint64_t{63}, kP)));
    EXPECT_TRUE(rejected(step_sample(), "reaches beyond the extent", with_place(8, 64, ~std::uint64_t{63})));
    EXPECT_TRUE(rejected(step_sample(), "crosses the border of the state", with_place(8, kP - 64, kP)));
    EXPECT_TRUE(rejected(step_sample(), "has a home but is no variable", [](LoweredProgram&, Plan& plan) {
        plan.homes[3] = {Home::kHost, kNoOffset};
    }));
}

TEST(Checker, KeepsTheStateOfOtherPrograms) {
    // The home of a variable of this program may be used while it is away, everything else in the state may not.
    SamplePlan wider = away_sample();
    for (Place& place : wider.plan.places)
        if (place.offset >= kP) place.offset += kP;
    wider.plan.state_bytes += kP;
    wider.plan.extent_bytes += kP;
    EXPECT_TRUE(proved(wider));
    const std::string because = "may take bytes of another program's variables";
    EXPECT_TRUE(rejected(wider, because, [](LoweredProgram&, Plan& plan) { plan.places[4].offset = kP; }));
    EXPECT_TRUE(rejected(wider, because, [](LoweredProgram&, Plan& plan) { plan.places[4].bytes = kP + 64; }));
    EXPECT_TRUE(rejected(step_sample(), because, [](LoweredProgram&, Plan& plan) {
        plan.state_bytes = 2 * kP;  // the input and others lie there now
    }));
    // Neighbouring homes count as one range.
    const auto second_variable = [](LoweredProgram& program, Plan& plan) {
        program.tensors.push_back({"w2", LoweredKind::kVariable, kP, {}, false});
        plan.homes.push_back({Home::kResident, kP});
        plan.places.push_back({5, kP, kP});
        plan.initial_places.push_back(6);
        program.ops[0].reads.push_back(5);
        plan.peak_bytes = plan.extent_bytes;
    };
    SamplePlan two = wider;
    second_variable(two.program, two.plan);
    EXPECT_TRUE(proved(two));
    two.plan.places[4].bytes = 2 * kP;
    EXPECT_TRUE(rejected(two, "after other tensors took its bytes", [](LoweredProgram&, Plan&) {}));
}

TEST(Checker, RejectsWrongBeginnings) {
    EXPECT_TRUE(rejected(step_sample(), "neither input nor resident",
                         [](LoweredProgram&, Plan& plan) { plan.initial_places.push_back(3); }));
    EXPECT_TRUE(rejected(step_sample(), "is open twice from the beginning",
                         [](LoweredProgram&, Plan& plan) { plan.initial_places.push_back(0); }));
    EXPECT_TRUE(rejected(step_sample(), "is not the variable's home",
                         [](LoweredProgram&, Plan& plan) { plan.homes[1].offset = kP; }));
    EXPECT_TRUE(rejected(step_sample(), "resides outside the state",
                         [](LoweredProgram&, Plan& plan) { plan.state_bytes = 0; }));
    EXPECT_TRUE(rejected(step_sample(), "is not open at the beginning", [](LoweredProgram&, Plan& plan) {
        plan.initial_places.pop_back();
        plan.state_bytes = 0;
    }));
    EXPECT_TRUE(rejected(step_sample(), "is not open at the beginning",
                         [](LoweredProgram&, Plan& plan) { plan.initial_places.erase(plan.initial_places.begin()); }));
}

TEST(Checker, RejectsOpsOnWrongPlaces) {
    EXPECT_TRUE(rejected(step_sample(), "but does not write it", [](LoweredProgram&, Plan& plan) {
        plan.actions[8].opens = {10, 9};
    }));
    EXPECT_TRUE(rejected(step_sample(), "but updates the tensor in place", [](LoweredProgram&, Plan& plan) {
        plan.places.push_back({1, 0, kP});
        plan.actions[9].opens = {11};
    }));
    EXPECT_TRUE(rejected(step_sample(), "which has no open place",
                         [](LoweredProgram&, Plan& plan) { plan.actions[8].opens.clear(); }));
    EXPECT_TRUE(
        rejected(step_sample(), "is opened twice", [](LoweredProgram&, Plan& plan) { plan.actions[7].opens = {6}; }));
    // The op opens two places on the same bytes.
    EXPECT_TRUE(rejected(step_sample(), "after other tensors took its bytes",
                         [](LoweredProgram&, Plan& plan) { plan.places[5].offset = 2 * kP; }));
    // An op's result on the bytes of what it reads.
    EXPECT_TRUE(rejected(step_sample(), "may be live at once",
                         [](LoweredProgram&, Plan& plan) { plan.places[9].offset = 2 * kP; }));
    // A tensor that is used after its bytes were taken.
    EXPECT_TRUE(rejected(step_sample(), "after other tensors took its bytes",
                         [](LoweredProgram&, Plan& plan) { plan.places[7].offset = kP; }));
    // A resident variable whose bytes a result takes.
    EXPECT_TRUE(rejected(step_sample(), "after other tensors took its bytes",
                         [](LoweredProgram&, Plan& plan) { plan.places[8].offset = 0; }));
}

TEST(Checker, RejectsWrongVersions) {
    // Computed again after its source was updated in place.
    EXPECT_TRUE(rejected(away_sample(), "with version 1 of its content instead of 0", [](LoweredProgram&, Plan& plan) {
        plan.places[0].offset = 3 * kP;
        plan.extent_bytes = 4 * kP;
        plan.places.push_back({2, 2 * kP, kP});
        plan.actions.push_back({ActionKind::kRun, 0, {6}, {}, {}});
    }));
    // The host's copy is older than what the op needs.
    EXPECT_TRUE(
        rejected(away_sample(), "with version 0 of its content instead of 1", [](LoweredProgram& program, Plan& plan) {
            program.ops[0].writes.push_back(1);
            std::swap(plan.actions[0], plan.actions[1]);
            plan.actions[1].waits = {0};
            plan.actions[2].waits = {0};
        }));
    EXPECT_TRUE(rejected(step_sample(), "finds nothing in the host's copy", [](LoweredProgram&, Plan& plan) {
        plan.actions[2] = {ActionKind::kCopyOut, 6, {}, {3}, {}};  // of another tensor
        std::swap(plan.actions[2], plan.actions[3]);
        plan.actions[3].waits = {2};
        plan.actions[4].waits = {3};
        plan.actions[5].waits = {3};
    }));
    EXPECT_TRUE(rejected(step_sample(), "is not of the tensor's latest place", [](LoweredProgram&, Plan& plan) {
        plan.actions[10].subject = 3;
        plan.actions.push_back({ActionKind::kCopyOut, 2, {}, {9}, {}});
        plan.actions[1].previous_waits = {11};
    }));
}

TEST(Checker, RejectsMissingWaits) {
    // Bytes are taken while they are copied out.
    EXPECT_TRUE(rejected(step_sample(), "may be live at once",
                         [](LoweredProgram&, Plan& plan) { plan.actions[4].waits.clear(); }));
    // A copy in to bytes that an op may still use.
    EXPECT_TRUE(rejected(step_sample(), "may be live at once",
                         [](LoweredProgram&, Plan& plan) { plan.actions[5].waits.clear(); }));
    // A copy out of what an op may still write.
    EXPECT_TRUE(rejected(step_sample(), "before its content may be complete",
                         [](LoweredProgram&, Plan& plan) { plan.actions[2].waits.clear(); }));
    // A read of what may still arrive.
    EXPECT_TRUE(rejected(step_sample(), "before its content may be complete",
                         [](LoweredProgram&, Plan& plan) { plan.actions[7].waits.clear(); }));
    // The last copy out may overtake the update.
    EXPECT_TRUE(rejected(step_sample(), "before its content may be complete",
                         [](LoweredProgram&, Plan& plan) { plan.actions[10].waits.clear(); }));
    // A copy in of what may still be on its way out, to bytes that are free.
    EXPECT_TRUE(rejected(step_sample(), "before its content may be complete", [](LoweredProgram&, Plan& plan) {
        plan.places[4].offset = 5 * kP;
        plan.extent_bytes = 6 * kP;
        plan.actions[5].waits.clear();
    }));
    // An update in place of what may still be copied out.
    EXPECT_TRUE(rejected(step_sample(), "while another action uses it", [](LoweredProgram&, Plan& plan) {
        plan.actions.insert(plan.actions.begin() + 9, {ActionKind::kCopyOut, 2, {}, {1}, {}});
        plan.actions[1].previous_waits = {11};
        plan.actions[11].waits = {10};
    }));
    // `a` is computed and copied out again, while the copy in of its first copy out may run.
    EXPECT_TRUE(rejected(step_sample(), "may overwrite the host's copy", [](LoweredProgram&, Plan& plan) {
        plan.places[0].offset = 5 * kP;  // the input survives the first op
        plan.places.push_back({3, 6 * kP, kP});
        plan.places.push_back({4, 7 * kP, kP});
        plan.extent_bytes = 8 * kP;
        plan.actions.insert(plan.actions.begin() + 6, {ActionKind::kRun, 0, {11, 12}, {}, {}});
        plan.actions.insert(plan.actions.begin() + 7, {ActionKind::kCopyOut, 11, {}, {6}, {}});
        plan.actions[1].previous_waits = {12};
    }));
}

TEST(Checker, RejectsHazardsOfTheSecondExecution) {
    // The copy in of `v` may meet the copy out of the execution before: on the bytes and in the host's copy.
    EXPECT_TRUE(rejected(step_sample(), "may be live at once",
                         [](LoweredProgram&, Plan& plan) { plan.actions[1].previous_waits.clear(); }));
    SamplePlan twice = step_sample();  // `v` comes in twice, to different places: only the host's copy is shared
    twice.program.ops[4].reads.push_back(2);
    twice.plan.places.push_back({2, 5 * kP, kP});
    twice.plan.extent_bytes = twice.plan.peak_bytes = 6 * kP;
    twice.plan.actions.insert(twice.plan.actions.begin() + 9, {ActionKind::kCopyIn, 11, {}, {}, {}});
    twice.plan.actions[10].waits = {9};
    twice.plan.actions[11] = {ActionKind::kCopyOut, 11, {}, {10}, {}};
    twice.plan.actions[1].previous_waits = {11};
    EXPECT_TRUE(proved(twice));
    EXPECT_TRUE(rejected(twice, "before its content may be complete",
                         [](LoweredProgram&, Plan& plan) { plan.actions[1].previous_waits.clear(); }));
    // The batch is written to bytes that may still be copied out.
    EXPECT_TRUE(rejected(feeding_sample(), "may be live at once",
                         [](LoweredProgram&, Plan& plan) { plan.feed_waits.clear(); }));
    // An op of the next execution takes bytes that may still be copied out, and nothing between has waited.
    EXPECT_TRUE(rejected(step_sample(), "may be live at once", [](LoweredProgram&, Plan& plan) {
        plan.places[5].offset = 4 * kP;  // scratch of the first op on the bytes of v
        plan.actions[1].waits = {0};
    }));
    SamplePlan with_wait = step_sample();
    with_wait.plan.places[5].offset = 4 * kP;
    with_wait.plan.actions[1].waits = {0};
    with_wait.plan.actions[0].previous_waits = {10};
    EXPECT_TRUE(proved(with_wait));
}

TEST(Checker, RejectsWrongEndings) {
    // The first result is written once more, by an op that does not read it.
    EXPECT_TRUE(
        rejected(step_sample(), "is an output but not in its last version", [](LoweredProgram& program, Plan& plan) {
            program.ops[5].writes.push_back(8);
            program.ops[5].reads = {1, 2};
            plan.actions.push_back({ActionKind::kRun, 4, {}, {}, {}});
        }));
    EXPECT_TRUE(rejected(step_sample(), "after other tensors took its bytes",
                         [](LoweredProgram& program, Plan&) { program.tensors[6].is_output = true; }));
    EXPECT_TRUE(rejected(step_sample(), "its host copy is not its last version", [](LoweredProgram&, Plan& plan) {
        plan.actions.pop_back();
        plan.actions[1].previous_waits.clear();
    }));
    // The variable's last stay is elsewhere.
    EXPECT_TRUE(rejected(away_sample(), "has not come back to its home",
                         [](LoweredProgram&, Plan& plan) { plan.places[2].offset = 2 * kP; }));
    // It never comes back.
    EXPECT_TRUE(rejected(away_sample(), "after other tensors took its bytes", [](LoweredProgram& program, Plan& plan) {
        program.ops[3] = {"end", {4}, {4}};
        plan.actions.erase(plan.actions.begin() + 4);
        plan.actions[4].waits.clear();
    }));
    // An older content comes back.
    EXPECT_TRUE(
        rejected(away_sample(), "is resident but not in its last version", [](LoweredProgram& program, Plan& plan) {
            program.ops[0].writes.push_back(1);
            program.ops[3] = {"end", {4}, {4}};
            plan.actions[1].waits.clear();
            plan.actions[0].waits.clear();
            // The copy out comes first.
            std::swap(plan.actions[0], plan.actions[1]);
            plan.actions[1].waits = {0};
            plan.actions[2].waits = {0};
        }));
    // A variable outside the plan is left in an older version.
    EXPECT_TRUE(
        rejected(step_sample(), "is not in its last version at the end", [](LoweredProgram& program, Plan& plan) {
            program.tensors.push_back({"o", LoweredKind::kVariable, kP, {}, false});
            plan.homes.emplace_back();
            program.ops[1].writes.push_back(10);
            program.ops[2].writes.push_back(10);
        }));
}

TEST(Checker, RejectsWrongStatements) {
    EXPECT_TRUE(rejected(step_sample(), "is never used", [](LoweredProgram&, Plan& plan) {
        plan.places.push_back({8, 3 * kP, kP});
    }));
    EXPECT_TRUE(rejected(step_sample(), "less than the bytes that are live",
                         [](LoweredProgram&, Plan& plan) { plan.peak_bytes = 3 * kP; }));
    EXPECT_TRUE(rejected(step_sample(), "peak exceeds its extent",
                         [](LoweredProgram&, Plan& plan) { plan.peak_bytes = 6 * kP; }));
    EXPECT_TRUE(rejected(step_sample(), "minimum exceeds its extent",
                         [](LoweredProgram&, Plan& plan) { plan.minimum_bytes = 6 * kP; }));
}

}  // namespace
}  // namespace tensile
