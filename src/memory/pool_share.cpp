// See pool_share.h.
#include "memory/pool_share.h"

#include <charconv>
#include <string>

#include "memory/byte_size.h"
#include "tensor/error.h"

namespace tensile {

PoolShare::PoolShare(double share) : share_(share) {
    if (!(share > 0 && share <= 1))
        throw Error(sqlstate::kInvalidParameterValue, "share of the tensor pool is not between 0 and 1");
}

std::uint64_t PoolShare::limit(std::uint64_t pool_size) const {
    return share_ == 1 ? pool_size : static_cast<std::uint64_t>(static_cast<double>(pool_size) * share_);
}

void PoolShare::require(std::uint64_t needed, std::uint64_t pool_size, std::string_view model) const {
    const std::uint64_t allowed = limit(pool_size);
    // Beyond the whole pool it is the pool that is too small, whatever the share: TensorPool::acquire() says so.
    if (needed <= allowed || needed > pool_size) return;
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, static_cast<float>(share_));
    throw Error(sqlstate::kConfigurationLimitExceeded,
                "training of model \"" + std::string(model) + "\" needs more of the tensor pool than its role may have",
                "It needs at least " + format_bytes(needed) +
                    "; \"tensile.max_pool_share\" = " + std::string(text, end.ptr) + " allows " +
                    format_bytes(allowed) + " of " + format_bytes(pool_size) + ".",
                "Train with a smaller batch or a smaller network, or ask an administrator to raise "
                "\"tensile.max_pool_share\" for the role (ALTER ROLE ... SET).");
}

}  // namespace tensile
