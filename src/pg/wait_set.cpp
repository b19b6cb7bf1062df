// See wait_set.h.
#include "pg/wait_set.h"

#include "pg/boundary.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

#include "pg/compat.h"

namespace tensile {
namespace {

constexpr int kFixedEvents = 2;  // latch, postmaster

uint32 event_of(Interest interest) {
    return interest == Interest::kReadable ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE;
}

}  // namespace

WaitSet::WaitSet()
    : set_(call_postgres([] { return create_lasting_wait_event_set(kFixedEvents + kMaxDescriptors); })) {}

// Delegates, so that the set is freed also when it cannot be filled.
WaitSet::WaitSet(std::span<const int> descriptors) : WaitSet() {
    if (descriptors.size() > kMaxDescriptors) throw InternalError("too many descriptors to wait for");
    call_postgres([&] {
        AddWaitEventToSet(set_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(set_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        for (std::size_t i = 0; i < descriptors.size(); ++i)
            positions_[i] = AddWaitEventToSet(set_, WL_SOCKET_READABLE, descriptors[i], nullptr,
                                              reinterpret_cast<void*>(static_cast<std::uintptr_t>(1) << i));
    });
}

WaitSet::~WaitSet() {
    FreeWaitEventSet(set_);
}

void WaitSet::watch(std::size_t index, Interest interest) {
    if (interests_[index] == interest) return;
    call_postgres([&] { ModifyWaitEvent(set_, positions_[index], event_of(interest), nullptr); });
    interests_[index] = interest;
}

std::uint32_t WaitSet::wait(long timeout_ms, std::uint32_t wait_event) {
    return call_postgres([&]() -> std::uint32_t {
        WaitEvent events[kFixedEvents + kMaxDescriptors];
        std::uint32_t ready = 0;
        const int count = WaitEventSetWait(set_, timeout_ms, events, lengthof(events), wait_event);
        for (int i = 0; i < count; ++i) {
            if ((events[i].events & WL_LATCH_SET) != 0)
                ResetLatch(MyLatch);
            else
                ready |= static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(events[i].user_data));
        }
        CHECK_FOR_INTERRUPTS();
        return ready;
    });
}

void wait_for_latch(long timeout_ms, std::uint32_t wait_event) {
    call_postgres([&] {
        const int events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms, wait_event);
        if ((events & WL_LATCH_SET) != 0) ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    });
}

}  // namespace tensile
