// Which buffer each value of a program lives in: its own, the start of its alias chain, or that of an input it may
// overwrite. Keeps the list of lowered tensors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "graph/program.h"

namespace tensile {

class BufferAssignment {
  public:
    // `sliced`: variables in several buffers of `slice_bytes`.
    BufferAssignment(const Program& program, std::span<const ValueId> sliced, std::uint64_t slice_bytes);

    // The buffer of a value that is not sliced, made when first asked for.
    std::int32_t tensor_of(ValueId id);
    bool is_sliced(ValueId id) const;
    // The buffer of one slice.
    std::int32_t slice_of(ValueId id, std::uint64_t number) const;
    // Lets `result` live in the buffer of `input`, if `input` is a plain intermediate value that node `node` is the
    // last to read and the sizes agree.
    bool reuse(ValueId result, ValueId input, std::int32_t node);
    // A buffer without content outside its op.
    std::int32_t add_scratch(std::string name, std::uint64_t bytes);
    // Makes a buffer at least that large.
    void grow(std::int32_t tensor, std::uint64_t bytes);

    std::vector<LoweredTensor> take() { return std::move(tensors_); }
    const LoweredTensor& tensor(std::int32_t index) const { return tensors_[static_cast<std::size_t>(index)]; }

  private:
    std::string name_of(ValueId id) const;
    bool is_output(ValueId id) const;
    void add_slices(ValueId variable, std::uint64_t slice_bytes);

    const Program& program_;
    std::vector<LoweredTensor> tensors_;
    std::vector<std::int32_t> tensor_of_storage_;  // by value index, at the start of alias chains: the first slice
    std::vector<bool> sliced_;                     // by value index, at the start of alias chains
    std::vector<std::int32_t> last_reader_;        // by value index: node
    std::vector<bool> shared_;                     // by value index: other values live in its buffer by alias
};

}  // namespace tensile
