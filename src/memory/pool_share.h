// The part of the tensor pool that one training may be granted: tensile.max_pool_share, which an administrator sets for
// a role. Knows no session.
#pragma once

#include <cstdint>
#include <string_view>

namespace tensile {

class PoolShare {
  public:
    // Throws Error 22023 unless 0 < share <= 1.
    explicit PoolShare(double share = 1);

    // Bytes of a pool of that size, rounded down.
    std::uint64_t limit(std::uint64_t pool_size) const;
    // Throws Error 53400 when a training that cannot run with less than `needed` bytes may not have them, although the
    // pool does.
    void require(std::uint64_t needed, std::uint64_t pool_size, std::string_view model) const;

  private:
    double share_;
};

}  // namespace tensile
