// One prepared matrix product of dense row-major float matrices, by oneDNN's matmul primitive with a scratchpad of
// ours. Creating one costs 0.1 to 0.3 ms and 10 to 24 KiB, running one about 400 bytes of heap inside oneDNN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "device/cpu/onednn_library.h"

namespace tensile {

// y [rows, columns] = a [rows, inner] b, b [inner, columns] or, transposed, [columns, inner]; added to y if
// `accumulate`.
struct MatmulShape {
    std::int64_t rows = 0;
    std::int64_t inner = 0;
    std::int64_t columns = 0;
    bool transpose_b = false;
    bool accumulate = false;
    bool operator==(const MatmulShape&) const = default;
};

class OnednnMatmul {
  public:
    OnednnMatmul(const OnednnLibrary& library, const MatmulShape& shape);
    OnednnMatmul(OnednnMatmul&&) noexcept;
    ~OnednnMatmul();

    const MatmulShape& shape() const { return shape_; }
    std::size_t scratch_bytes() const { return scratch_bytes_; }

    // oneDNN's objects that carry the addresses of one call: for one thread at a time.
    class Call {
      public:
        Call(Call&&) noexcept;
        ~Call();

      private:
        friend class OnednnMatmul;
        struct State;
        explicit Call(std::unique_ptr<State> state);
        std::unique_ptr<State> state_;
    };
    Call make_call() const;

    // May run in several threads at once, each with its own call and scratch.
    void run(Call& call, const float* a, const float* b, float* y, std::byte* scratch) const noexcept;

  private:
    struct State;
    MatmulShape shape_;
    std::size_t scratch_bytes_ = 0;
    std::unique_ptr<State> state_;
};

}  // namespace tensile
