// Jobs in sequence: each runs to its end before the next, under a name of its own, also after an interruption and when
// one of them is given up.
#include "models/forecast/job_sequence.h"

#include <gtest/gtest.h>

#include "graph/ops/affine_constant.h"
#include "graph/ops/copy.h"
#include "models/initializers.h"
#include "support/interpreted_job.h"
#include "tensor/error.h"

namespace tensile {
namespace {

using testing::InterpretedJob;

// Adds 1 to its variable `steps` times; the step after `sound` ones diverges.
class CountingDriver final : public Driver {
  public:
    CountingDriver(int steps, int sound) : steps_(steps), sound_(sound) {}
    std::optional<int> next() override { return done_ < steps_ ? std::optional(0) : std::nullopt; }
    void feed(int, Feeds) override {}
    std::int64_t feed_row_count(int) const override { return 0; }
    void feed_rows(int, Feeds, std::int64_t, std::int64_t) const noexcept override {}
    void observe(int program, std::span<const TensorView>) override {
        EXPECT_EQ(program, 0);
        if (++done_ > sound_) throw Error(sqlstate::kDataException, "counting diverged");
    }
    std::string save_state() const override { return std::to_string(done_); }
    void restore_state(const std::string& state) override { done_ = std::stoi(state); }

  private:
    int steps_;
    int sound_;
    int done_ = 0;
};

Job counting_job(int steps, int sound = 1000) {
    const TensorType scalar{DType::kF32, {1}};
    ProgramBuilder builder("count");
    const ValueId count = builder.variable("count", scalar);
    ops::copy(builder, count, ops::affine_constant(builder, count, 1, 1));
    Job job;
    job.variables.push_back({"count", scalar, Recovery::kCheckpointed, true, constant_content(0)});
    job.programs.push_back(builder.finish());
    job.driver = std::make_unique<CountingDriver>(steps, sound);
    return job;
}

float count_of(InterpretedJob& job, const std::string& part) {
    return job.variables().at(part + ".count").data<float>()[0];
}

TEST(JobSequence, RunsOnePartAfterTheOther) {
    Job first = counting_job(3);
    Job second = counting_job(5);
    JobSequence sequence({{"a", &first}, {"b", &second}}, false);
    EXPECT_EQ(sequence.job().programs[1].name(), "b.count");
    EXPECT_EQ(sequence.variables_of(1)[0].name, "b.count");
    InterpretedJob run(sequence.job());
    for (int step = 0; step < 3; ++step)
        ASSERT_TRUE(run.step());
    EXPECT_EQ(count_of(run, "a"), 3);
    EXPECT_EQ(count_of(run, "b"), 0);
    run.run();
    EXPECT_EQ(run.steps(), 8);
    EXPECT_EQ(count_of(run, "a"), 3);
    EXPECT_EQ(count_of(run, "b"), 5);
    EXPECT_EQ(sequence.current(), sequence.size());
}

TEST(JobSequence, GoesOnWhereItWasInterrupted) {
    for (int interrupted_at = 0; interrupted_at <= 8; ++interrupted_at) {
        Job parts[] = {counting_job(3, 2), counting_job(5), counting_job(3, 2), counting_job(5)};
        JobSequence before({{"a", &parts[0]}, {"b", &parts[1]}}, false);
        InterpretedJob first(before.job());
        for (int step = 0; step < interrupted_at; ++step)
            first.step();
        JobSequence after({{"a", &parts[2]}, {"b", &parts[3]}}, false);
        InterpretedJob second(after.job());
        second.variables() = first.variables();
        after.job().driver->restore_state(before.job().driver->save_state());
        second.run();
        EXPECT_EQ(count_of(second, "a"), 3) << interrupted_at;
        EXPECT_EQ(count_of(second, "b"), 5) << interrupted_at;
        EXPECT_EQ(after.failure(0), "counting diverged") << interrupted_at;
    }
}

TEST(JobSequence, GivesUpWhatDivergesUnlessNothingIsLeft) {
    for (const bool may_fail_whole : {false, true}) {
        Job first = counting_job(3, 1);
        Job second = counting_job(5, 2);
        JobSequence sequence({{"a", &first}, {"b", &second}}, may_fail_whole);
        InterpretedJob run(sequence.job());
        for (int step = 0; step < 4; ++step)
            ASSERT_TRUE(run.step());
        EXPECT_EQ(sequence.failure(0), "counting diverged");
        EXPECT_TRUE(sequence.failure(1).empty());
        if (may_fail_whole) {
            run.run();
            EXPECT_EQ(sequence.failure(1), "counting diverged");
        } else {
            EXPECT_THROW(run.run(), Error);
        }
    }
}

TEST(JobSequence, RefusesAStateThatIsNotItsOwn) {
    Job first = counting_job(3);
    JobSequence sequence({{"a", &first}}, false);
    for (const char* state : {"", "{}", R"({"parts": ["1", "2"], "failures": ["", ""]})"})
        EXPECT_THROW(sequence.job().driver->restore_state(state), Error) << state;
}

}  // namespace
}  // namespace tensile
