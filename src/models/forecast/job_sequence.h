// Several jobs as one, which runs them one after the other. Their variables and programs lie side by side, under names
// that begin with the part's. Knows no method and no training.
//
// A part that ends in an error of class 22000 (its training diverged) is given up, and the next one follows.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "graph/job.h"

namespace tensile {

class SequenceDriver;

class JobSequence {
  public:
    struct Part {
        std::string name;
        Job* job = nullptr;
    };

    // The jobs outlive the sequence, which drives them. `may_fail_whole`: whether it is no error when every part is
    // given up.
    JobSequence(std::vector<Part> parts, bool may_fail_whole);
    ~JobSequence();
    JobSequence(const JobSequence&) = delete;
    JobSequence& operator=(const JobSequence&) = delete;

    Job& job() { return job_; }
    std::size_t size() const { return parts_.size(); }
    // The part whose turn it is; size() when all have ended.
    std::size_t current() const;
    // Why a part was given up; empty: it was not.
    const std::string& failure(std::size_t part) const;
    std::span<Variable> variables_of(std::size_t part);

    // Precedes names of the part's variables and programs.
    static std::string prefix(const std::string& part) { return part + "."; }

  private:
    std::vector<Part> parts_;
    std::vector<std::size_t> first_variable_;  // of each part, and the number of all
    Job job_;
    SequenceDriver* driver_ = nullptr;
};

}  // namespace tensile
