// What devices do unless they can do better: the part of the interface that synchronous devices need not know.
#include "device/device.h"

#include "tensor/error.h"

namespace tensile {

namespace {

class CompletedEvent final : public Event {
  public:
    bool is_complete() const override { return true; }
    void wait() override {}
};

}  // namespace

double Event::seconds_since(const Event&) const {
    return 0;
}

LaunchStatus Stream::launch_sequence(Binding& binding, std::span<const std::int32_t> ops,
                                     const LaunchContext& context) {
    for (const std::int32_t op : ops)
        if (launch(binding, op, context) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    return LaunchStatus::kCompleted;
}

void Stream::record(Event&) {}

void Stream::wait_for(Event& event) {
    event.wait();
}

std::unique_ptr<Event> Device::create_event() {
    return std::make_unique<CompletedEvent>();
}

std::byte* Device::reserve_host_arena(std::size_t) {
    throw InternalError("a synchronous device needs no page-locked memory");
}

}  // namespace tensile
