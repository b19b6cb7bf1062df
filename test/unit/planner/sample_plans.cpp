#include "unit/planner/sample_plans.h"

namespace tensile {

namespace {

constexpr std::uint64_t kP = kSampleBytes;

}  // namespace

SamplePlan step_sample() {
    SamplePlan made;
    LoweredProgram& program = made.program;
    program.name = "step";
    program.tensors = {{"x", LoweredKind::kInput, kP, {}, false},    {"w", LoweredKind::kVariable, kP, {}, false},
                       {"v", LoweredKind::kVariable, kP, {}, false}, {"a", LoweredKind::kResult, kP, {}, false},
                       {"s", LoweredKind::kScratch, kP, {}, false},  {"b", LoweredKind::kResult, kP, {}, false},
                       {"d", LoweredKind::kResult, kP, {}, false},   {"e", LoweredKind::kResult, kP, {}, false},
                       {"y", LoweredKind::kResult, kP, {}, true},    {"c", LoweredKind::kConstant, kP, {}, false}};
    program.ops = {{"first", {0, 1}, {3, 4}}, {"second", {3, 9}, {5}}, {"third", {5}, {6}},
                   {"fourth", {6}, {7}},      {"fifth", {5, 7}, {8}},  {"update", {8, 1, 2}, {1, 2}}};
    Plan& plan = made.plan;
    plan.program = "step";
    plan.homes.resize(program.tensors.size());
    plan.homes[1] = {Home::kResident, 0};
    plan.homes[2] = {Home::kHost, kNoOffset};
    plan.places = {{0, 1 * kP, kP},   // 0 x
                   {1, 0 * kP, kP},   // 1 w
                   {2, 4 * kP, kP},   // 2 v
                   {3, 2 * kP, kP},   // 3 a
                   {3, 3 * kP, kP},   // 4 a again
                   {4, 3 * kP, kP},   // 5 s
                   {5, 1 * kP, kP},   // 6 b
                   {5, 2 * kP, kP},   // 7 b again
                   {6, 2 * kP, kP},   // 8 d
                   {7, 1 * kP, kP},   // 9 e
                   {8, 3 * kP, kP}};  // 10 y
    plan.initial_places = {0, 1};
    plan.actions = {{ActionKind::kRun, 0, {3, 5}, {}, {}},    // 0
                    {ActionKind::kCopyIn, 2, {}, {}, {10}},   // 1 v
                    {ActionKind::kCopyOut, 3, {}, {0}, {}},   // 2 a
                    {ActionKind::kRun, 1, {6}, {}, {}},       // 3
                    {ActionKind::kRun, 2, {8}, {2}, {}},      // 4 on the bytes of a
                    {ActionKind::kCopyIn, 4, {}, {2}, {}},    // 5 a on the bytes of s
                    {ActionKind::kRun, 3, {9}, {}, {}},       // 6 on the bytes of b
                    {ActionKind::kRun, 1, {7}, {5}, {}},      // 7 second op again
                    {ActionKind::kRun, 4, {10}, {}, {}},      // 8
                    {ActionKind::kRun, 5, {}, {1}, {}},       // 9
                    {ActionKind::kCopyOut, 2, {}, {9}, {}}};  // 10 v
    plan.state_bytes = kP;
    plan.extent_bytes = 5 * kP;
    plan.peak_bytes = 5 * kP;
    plan.minimum_bytes = 5 * kP;
    return made;
}

SamplePlan away_sample() {
    SamplePlan made;
    LoweredProgram& program = made.program;
    program.name = "away";
    program.tensors = {{"x", LoweredKind::kInput, kP, {}, false},
                       {"w", LoweredKind::kVariable, kP, {}, false},
                       {"a", LoweredKind::kResult, kP, {}, false},
                       {"t", LoweredKind::kResult, kP, {}, false},
                       {"u", LoweredKind::kResult, kP, {}, true}};
    program.ops = {{"first", {0, 1}, {2}}, {"second", {2}, {3}}, {"third", {2, 3}, {4}}, {"update", {4, 1}, {1}}};
    Plan& plan = made.plan;
    plan.program = "away";
    plan.homes.resize(program.tensors.size());
    plan.homes[1] = {Home::kResident, 0};
    plan.places = {{0, 1 * kP, kP},   // 0 x
                   {1, 0 * kP, kP},   // 1 w
                   {1, 0 * kP, kP},   // 2 w again
                   {2, 2 * kP, kP},   // 3 a
                   {3, 0 * kP, kP},   // 4 t on the bytes of w
                   {4, 1 * kP, kP}};  // 5 u on the bytes of x
    plan.initial_places = {0, 1};
    plan.actions = {{ActionKind::kRun, 0, {3}, {}, {}},     // 0
                    {ActionKind::kCopyOut, 1, {}, {}, {}},  // 1 beside the op that reads w
                    {ActionKind::kRun, 1, {4}, {1}, {}},    // 2
                    {ActionKind::kRun, 2, {5}, {}, {}},     // 3
                    {ActionKind::kCopyIn, 2, {}, {3}, {}},  // 4
                    {ActionKind::kRun, 3, {}, {4}, {}}};    // 5
    plan.state_bytes = kP;
    plan.extent_bytes = 3 * kP;
    plan.peak_bytes = 3 * kP;
    plan.minimum_bytes = 3 * kP;
    return made;
}

}  // namespace tensile
