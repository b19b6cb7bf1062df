// The engine without its process: the shared resources and the sessions. main.cpp gives it sockets and settings; tests
// run it in their own process. Knows no signals, command line or supervisor.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/hangup_watcher.h"
#include "engine/memory_budgets.h"
#include "engine/monitor.h"
#include "engine/resources.h"
#include "engine/session_registry.h"
#include "engine/settings.h"

namespace tensile {

class SessionThread;

class Engine {
  public:
    // Takes the device's memory for the pool; the budgets are clamped to what there is. Throws Error.
    Engine(std::unique_ptr<Device> device, const Settings& settings, std::string build_id, Log& log);
    // Stops all sessions and waits for their threads.
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Serves a client on a connected SOCK_SEQPACKET socket, which it takes over. A client that cannot be served (no
    // thread, no descriptor) is disconnected, and the log says why.
    void start_session(protocol::Descriptor socket) noexcept;

    // New settings at run time. Pool, pinned memory and device stay as they are until the engine is started again.
    void configure(const Settings& settings);

    // Asks all sessions to stop, tells their clients, and waits for their threads; false when some are still busy
    // after `patience`.
    bool stop(std::chrono::milliseconds patience);

    // "cpu (oneDNN 2.6.3, AVX-512)"
    std::string device_name() const;
    // For the log: device, threads and budgets.
    std::string description() const;
    const Resources& resources() const { return resources_; }

  private:
    struct SessionRecord {
        std::unique_ptr<SessionThread> thread;
        bool finished = false;
    };
    void serve(SessionStatus& status, protocol::Descriptor socket) noexcept;
    void wake_waiters() noexcept;
    void join_finished();
    bool wait_until_finished(std::chrono::milliseconds patience);

    std::mutex settings_mutex_;
    Settings settings_;
    const std::string build_id_;
    Log& log_;
    std::unique_ptr<Device> device_;
    const EngineBudgets budgets_;  // at the start
    HostBudget host_;
    std::unique_ptr<DeviceBridge> bridge_;  // null where the device is synchronous
    TensorPool pool_;
    JobMemory jobs_;
    Arbiter arbiter_;
    InferenceCache models_;
    const Resources resources_;
    SessionRegistry registry_;
    const Monitor monitor_;
    std::atomic<bool> stopping_{false};
    HangupWatcher watcher_;
    std::mutex threads_mutex_;
    std::condition_variable thread_finished_;
    std::map<std::uint64_t, SessionRecord> threads_;  // by session
};

}  // namespace tensile
