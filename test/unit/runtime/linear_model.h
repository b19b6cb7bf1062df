// The forward part of the tests' linear job as a stored model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/inference.h"
#include "unit/runtime/linear_job.h"

namespace tensile {

class LinearModel final : public StoredModel {
  public:
    static constexpr std::int64_t kFeatures = 6;

    // `padding`: bytes of weights that no program reads, to make a model large.
    explicit LinearModel(std::uint64_t padding = 0) {
        const Program forward = linear_forward_program(1, kFeatures);
        for (const ValueId id : forward.variables()) {
            variables_.push_back({forward.value(id).name, forward.value(id).type, {}, true, {}});
            offsets_.push_back(bytes_);
            bytes_ += (forward.value(id).type.bytes() + 63) / 64 * 64;
        }
        bytes_ += padding;
    }
    std::string label() const override { return "linear"; }
    std::span<const Variable> variables() const override { return variables_; }
    std::span<const std::uint64_t> weight_offsets() const override { return offsets_; }
    std::uint64_t weight_bytes() const override { return bytes_; }
    Program program(std::int64_t capacity) const override { return linear_forward_program(capacity, kFeatures); }

  private:
    std::vector<Variable> variables_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t bytes_ = 0;
};

}  // namespace tensile
