// See job_sequence.h.
#include "models/forecast/job_sequence.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

// The state is that of all parts: those that have ended may have something to do again once they are restored, because
// what they had seen is lost (WindowDriver); so the turn goes through all of them.
class SequenceDriver final : public Driver {
  public:
    SequenceDriver(std::vector<Driver*> parts, std::vector<int> first_program, bool may_fail_whole)
        : parts_(std::move(parts)),
          first_program_(std::move(first_program)),
          may_fail_whole_(may_fail_whole),
          failures_(parts_.size()) {}

    std::optional<int> next() override {
        for (; current_ < parts_.size(); ++current_) {
            if (!failures_[current_].empty()) continue;
            if (const std::optional<int> program = parts_[current_]->next()) return first_program_[current_] + *program;
        }
        return std::nullopt;
    }
    void feed(int program, Feeds feeds) override { parts_[current_]->feed(own(program), feeds); }
    std::int64_t feed_row_count(int program) const override { return parts_[current_]->feed_row_count(own(program)); }
    void feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override {
        parts_[current_]->feed_rows(own(program), feeds, begin, end);
    }
    void observe(int program, std::span<const TensorView> outputs) override {
        try {
            parts_[current_]->observe(own(program), outputs);
        } catch (const Error& error) {
            if (error.sqlstate() != sqlstate::kDataException) throw;
            failures_[current_] = error.what();
            if (!may_fail_whole_ && std::ranges::find(failures_, "") == failures_.end()) throw;
        }
    }

    std::string save_state() const override {
        nlohmann::ordered_json json = {{"parts", nlohmann::ordered_json::array()}, {"failures", failures_}};
        for (const Driver* part : parts_)
            json["parts"].push_back(part->save_state());
        return json.dump();
    }
    void restore_state(const std::string& state) override {
        try {
            const auto json = nlohmann::ordered_json::parse(state);
            const auto states = json.at("parts").get<std::vector<std::string>>();
            auto failures = json.at("failures").get<std::vector<std::string>>();
            if (states.size() != parts_.size() || failures.size() != parts_.size())
                throw Error(sqlstate::kDataCorrupted, "state of a sequence of jobs does not fit the sequence");
            for (std::size_t i = 0; i < parts_.size(); ++i)
                parts_[i]->restore_state(states[i]);
            failures_ = std::move(failures);
            current_ = 0;
        } catch (const nlohmann::json::exception& error) {
            throw Error(sqlstate::kDataCorrupted, "could not read the state of a sequence of jobs", error.what());
        }
    }

    std::size_t current() const { return current_; }
    const std::string& failure(std::size_t part) const { return failures_[part]; }

  private:
    int own(int program) const { return program - first_program_[current_]; }

    std::vector<Driver*> parts_;
    std::vector<int> first_program_;
    bool may_fail_whole_;
    std::size_t current_ = 0;
    std::vector<std::string> failures_;
};

JobSequence::JobSequence(std::vector<Part> parts, bool may_fail_whole) : parts_(std::move(parts)) {
    std::vector<Driver*> drivers;
    std::vector<int> first_program;
    for (const Part& part : parts_) {
        const std::string before = prefix(part.name);
        first_variable_.push_back(job_.variables.size());
        first_program.push_back(static_cast<int>(job_.programs.size()));
        drivers.push_back(part.job->driver.get());
        for (Variable variable : part.job->variables) {
            variable.name.insert(0, before);
            job_.variables.push_back(std::move(variable));
        }
        for (const Program& program : part.job->programs)
            job_.programs.push_back(program.with_prefix(before));
    }
    first_variable_.push_back(job_.variables.size());
    auto driver = std::make_unique<SequenceDriver>(std::move(drivers), std::move(first_program), may_fail_whole);
    driver_ = driver.get();
    job_.driver = std::move(driver);
}

JobSequence::~JobSequence() = default;

std::size_t JobSequence::current() const {
    return driver_->current();
}

const std::string& JobSequence::failure(std::size_t part) const {
    return driver_->failure(part);
}

std::span<Variable> JobSequence::variables_of(std::size_t part) {
    return std::span(job_.variables).subspan(first_variable_[part], first_variable_[part + 1] - first_variable_[part]);
}

}  // namespace tensile
