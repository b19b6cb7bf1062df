// The access sequence of a program in one order of its ops: when each tensor is used, when each op begins if nothing
// ever waits, and which ops may run again. Everything that decisions about tensors are made from. Knows neither
// budgets nor links.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "planner/plan.h"

namespace tensile {

// One tensor of an op that lives in the plan's extent.
struct OpTensor {
    std::int32_t tensor = 0;
    bool reads = false;  // content from before the op; never of scratch
    bool writes = false;
};

class AccessSequence {
  public:
    static constexpr std::int32_t kBeforeFirst = -1;
    static constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();

    // `order` holds every op once; `op_seconds` and `homes` are by op and tensor of the program.
    AccessSequence(const LoweredProgram& program, std::span<const std::int32_t> order,
                   std::span<const double> op_seconds, std::span<const TensorHome> homes);

    const LoweredProgram& program() const { return *program_; }
    std::span<const TensorHome> homes() const { return homes_; }
    std::int32_t end() const { return static_cast<std::int32_t>(order_.size()); }
    std::int32_t op_at(std::int32_t position) const { return order_[static_cast<std::size_t>(position)]; }
    double op_seconds(std::int32_t op) const { return op_seconds_[static_cast<std::size_t>(op)]; }
    // Seconds after the first op's begin; of end(): the whole program.
    double begin_of(std::int32_t position) const {
        return begins_[static_cast<std::size_t>(position < 0 ? 0 : position)];
    }

    // Whether the tensor has a place in the extent at all.
    bool is_placed(std::int32_t tensor) const { return placed_[static_cast<std::size_t>(tensor)]; }
    bool is_resident(std::int32_t tensor) const {
        return homes_[static_cast<std::size_t>(tensor)].home == Home::kResident;
    }
    bool is_away(std::int32_t tensor) const { return homes_[static_cast<std::size_t>(tensor)].home == Home::kHost; }
    std::span<const OpTensor> tensors_of(std::int32_t op) const {
        const auto at = static_cast<std::size_t>(op);
        return std::span(op_tensors_).subspan(op_begins_[at], op_begins_[at + 1] - op_begins_[at]);
    }
    // Positions in ascending order: kBeforeFirst for inputs and resident variables, end() for what must be there then.
    std::span<const std::int32_t> uses_of(std::int32_t tensor) const {
        const auto at = static_cast<std::size_t>(tensor);
        return std::span(uses_).subspan(use_begins_[at], use_begins_[at + 1] - use_begins_[at]);
    }
    // The first position after `position` at which an op writes the tensor, placed or not; kNever.
    std::int32_t next_write(std::int32_t tensor, std::int32_t position) const;
    // The only op that writes the tensor; -1 when there are several or none.
    std::int32_t only_writer(std::int32_t tensor) const { return only_writers_[static_cast<std::size_t>(tensor)]; }
    std::int32_t position_of(std::int32_t op) const { return positions_[static_cast<std::size_t>(op)]; }
    // Whether a second run of the op, from the same content, gives the same content and changes nothing else.
    bool may_rerun(std::int32_t op) const { return may_rerun_[static_cast<std::size_t>(op)]; }

    // Bytes that are live at each position without any movement; the first entry is before the first op, the last at
    // the end.
    std::vector<std::uint64_t> live_bytes() const;

  private:
    const LoweredProgram* program_;
    std::vector<std::int32_t> order_;
    std::vector<double> op_seconds_;
    std::vector<TensorHome> homes_;
    std::vector<double> begins_;
    std::vector<bool> placed_;
    std::vector<std::size_t> op_begins_;
    std::vector<OpTensor> op_tensors_;
    std::vector<std::size_t> use_begins_;
    std::vector<std::int32_t> uses_;
    std::vector<std::size_t> write_begins_;
    std::vector<std::int32_t> writes_;  // by tensor: positions
    std::vector<std::int32_t> only_writers_;
    std::vector<std::int32_t> positions_;
    std::vector<bool> may_rerun_;
};

}  // namespace tensile
