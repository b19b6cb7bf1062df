// One epoll set that asks for hang-ups only, so that packets in flight never wake it.
#include "engine/hangup_watcher.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::uint64_t kStopId = ~std::uint64_t{0};

bool add_to(int epoll, int descriptor, std::uint32_t events, std::uint64_t id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

[[noreturn]] void throw_no_descriptor() {
    throw Error(sqlstate::kInsufficientResources, "could not watch a connection of the tensile engine",
                std::string(std::strerror(errno)) + ".");
}

}  // namespace

HangupWatcher::HangupWatcher() : epoll_(epoll_create1(EPOLL_CLOEXEC)), stop_event_(eventfd(0, EFD_CLOEXEC)) {
    if (!epoll_ || !stop_event_ || !add_to(epoll_.get(), stop_event_.get(), EPOLLIN, kStopId)) throw_no_descriptor();
    thread_ = std::thread([this] { run(); });
}

HangupWatcher::~HangupWatcher() {
    const std::uint64_t one = 1;
    while (::write(stop_event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
}

void HangupWatcher::watch(std::uint64_t id, int socket, std::function<void()> on_hangup) {
    const std::lock_guard lock(mutex_);
    watched_.emplace(id, Watched{socket, std::move(on_hangup)});
    // A hang-up that has already happened is reported too. One shot: a dead socket stays ready.
    if (add_to(epoll_.get(), socket, EPOLLRDHUP | EPOLLONESHOT, id)) return;
    watched_.erase(id);
    throw_no_descriptor();
}

void HangupWatcher::unwatch(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(id);
    if (found == watched_.end()) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.socket, nullptr);
    watched_.erase(found);
}

void HangupWatcher::shut_down(bool writing) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, watched] : watched_)
        ::shutdown(watched.socket, writing ? SHUT_RDWR : SHUT_RD);
}

void HangupWatcher::run() {
    std::array<epoll_event, 16> events;
    while (true) {
        const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
            if (id == kStopId) return;
            // The lock is held during the call, so that unwatch() waits for its end.
            const std::lock_guard lock(mutex_);
            const auto found = watched_.find(id);
            if (found != watched_.end()) found->second.on_hangup();
        }
    }
}

}  // namespace tensile
