// A joinable thread with a chosen stack size, which std::thread does not offer: a hundred idle sessions should not
// reserve eight megabytes each.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>

namespace tensile {

// Address space, not memory: pages are taken as they are touched. On the CPU, the code generator of the kernel library
// is what needs the most of it.
inline constexpr std::size_t kSessionStackBytes = std::size_t{1} << 20;
// Where sessions call the libraries of a GPU, which do not say what they need: as much as threads have by default.
inline constexpr std::size_t kDeviceSessionStackBytes = std::size_t{8} << 20;

class SessionThread {
  public:
    // Runs `body`, which must not throw, on a new thread. Throws Error 53000 when the system refuses one.
    SessionThread(std::size_t stack_bytes, std::function<void()> body);
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
