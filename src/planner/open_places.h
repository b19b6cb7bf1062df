// Which places of a plan are open at a moment of its execution: from the begin of the action that opens a place to the
// end of the last access in the same execution. Used by the event clock; knows nothing of time.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "graph/lowered.h"
#include "planner/plan.h"

namespace tensile {

class OpenPlaces {
  public:
    OpenPlaces(const LoweredProgram& program, const Plan& plan);

    // Before the first action of an execution: inputs open, and resident variables are at home.
    void feed();
    void begin(std::size_t action);
    void complete(std::size_t action);
    // Outputs have been read; the program's transient places are over.
    void end();

    std::uint64_t bytes() const { return bytes_; }

  private:
    struct Access {
        std::vector<std::int32_t> opens;
        std::vector<std::int32_t> uses;
    };
    void open(std::int32_t place);
    void close(std::int32_t place);

    const Plan* plan_;
    std::vector<Access> accesses_;                   // by action
    std::vector<std::int32_t> use_count_;            // by place: accesses in one execution
    std::vector<std::int32_t> uses_left_;            // by place: in the execution that opened it last
    std::vector<bool> stays_;                        // by place: open to the end of the execution
    std::vector<bool> is_open_;                      // by place
    std::vector<bool> is_over_;                      // by place: its execution has ended
    std::vector<std::int32_t> resident_first_;       // by resident variable: its initial place
    std::vector<std::int32_t> resident_last_;        // and its last one
    std::map<std::uint64_t, std::uint64_t> ranges_;  // begin and end of what is open
    std::uint64_t bytes_ = 0;
    bool fed_ = false;
};

}  // namespace tensile
