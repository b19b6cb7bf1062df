// Notices at any moment that a client has hung up, also while its session's thread is busy or waiting for memory. Knows
// sockets and callbacks, not sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "protocol/descriptor.h"

namespace tensile {

class HangupWatcher {
  public:
    // Starts the watching thread. Throws Error 53000 when the system refuses its descriptors.
    HangupWatcher();
    ~HangupWatcher();
    HangupWatcher(const HangupWatcher&) = delete;
    HangupWatcher& operator=(const HangupWatcher&) = delete;

    // Calls `on_hangup` once, on the watcher's thread, when the peer of `socket` is gone. The callback must be short.
    // Once unwatch() has returned it is not running and will not be called.
    void watch(std::uint64_t id, int socket, std::function<void()> on_hangup);
    void unwatch(std::uint64_t id);
    // Shuts all watched sockets down for reading, so that threads waiting for a packet end; with `writing` also for
    // writing, which ends those that wait for a client to take one.
    void shut_down(bool writing);

  private:
    struct Watched {
        int socket;
        std::function<void()> on_hangup;
    };
    void run();

    protocol::Descriptor epoll_;
    protocol::Descriptor stop_event_;
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, Watched> watched_;
    std::thread thread_;
};

}  // namespace tensile
