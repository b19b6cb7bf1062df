// Charging and its refusal; see host_budget.h.
#include "memory/host_budget.h"

#include "memory/byte_size.h"
#include "tensor/error.h"

namespace tensile {

HostCharge::~HostCharge() {
    if (budget_ != nullptr) budget_->give_back(bytes_);
}

void HostCharge::resize(std::uint64_t bytes) {
    if (budget_ == nullptr) throw InternalError("a host charge without a budget cannot be resized");
    if (bytes > bytes_)
        budget_->take(bytes - bytes_);
    else
        budget_->give_back(bytes_ - bytes);
    bytes_ = bytes;
}

HostCharge HostBudget::charge(std::uint64_t bytes) {
    take(bytes);
    return HostCharge(this, bytes);
}

void HostBudget::take(std::uint64_t bytes) {
    std::uint64_t used = used_.load();
    do {
        const std::uint64_t limit = limit_.load();
        if (used > limit || bytes > limit - used)
            throw Error(sqlstate::kOutOfMemory, "out of host memory for tensor data",
                        "A request for " + format_bytes(bytes) + " does not fit: " + format_bytes(used) + " of " +
                            format_bytes(limit) + " are in use.",
                        "Use fewer rows, wait for other work to finish, or set \"tensile.host_memory\" to at least \"" +
                            setting_of_bytes(used + bytes) + "\".");
    } while (!used_.compare_exchange_weak(used, used + bytes));
}

void HostBudget::give_back(std::uint64_t bytes) noexcept {
    used_.fetch_sub(bytes);
}

}  // namespace tensile
