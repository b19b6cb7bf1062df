// A joinable thread with a chosen stack size, which std::thread does not offer: a hundred idle sessions should not
// reserve eight megabytes each.
#pragma once

#include <pthread.h>

#include <functional>

namespace tensile {

class SessionThread {
  public:
    // Runs `body`, which must not throw, on a new thread. Throws Error 53000 when the system refuses one.
    explicit SessionThread(std::function<void()> body);
    // Waits for the thread.
    ~SessionThread();
    SessionThread(const SessionThread&) = delete;
    SessionThread& operator=(const SessionThread&) = delete;

  private:
    static void* start(void* self) noexcept;

    std::function<void()> body_;
    pthread_t thread_{};
};

}  // namespace tensile
