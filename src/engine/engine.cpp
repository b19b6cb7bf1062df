// Starting, configuring and stopping of sessions.
#include "engine/engine.h"

#include <utility>

#include "engine/session.h"
#include "engine/session_thread.h"
#include "memory/cgroup_limit.h"
#include "runtime/device_calibration.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Forward programs kept beyond the contexts that use them.
constexpr std::size_t kProgramCacheEntries = 256;
// Longest a destructor looks at a busy session before it asks again.
constexpr std::chrono::milliseconds kDestructorPatience(1000);

}  // namespace

Engine::Engine(std::unique_ptr<Device> device, const Settings& settings, std::string build_id, Log& log)
    : settings_(settings),
      build_id_(std::move(build_id)),
      log_(log),
      device_(std::move(device)),
      budgets_(budgets_for(settings, device_->hardware(), memory_limit(), log)),
      host_(budgets_.host),
      bridge_(device_->is_synchronous() ? nullptr : std::make_unique<DeviceBridge>(*device_, host_, budgets_.pinned)),
      pool_(*device_, budgets_.pool),
      jobs_(pool_, settings_.spill_directory, settings_.spill_limit, {minimum_bytes, plan_job},
            measure_rates(*device_, pool_), bridge_.get()),
      arbiter_(*device_),
      models_(*device_, pool_, kProgramCacheEntries, bridge_.get()),
      resources_{*device_, pool_, jobs_, host_, arbiter_, models_, log},
      monitor_(resources_, registry_, build_id_) {
    device_->set_threads(settings_.threads);
    log_.set_threshold(settings_.log_level);
    if (bridge_ && bridge_->arena().limit() < budgets_.pinned)
        log_.warning("could not page-lock " + in_megabytes(budgets_.pinned) + " as tensile.pinned_memory asks; using " +
                     in_megabytes(bridge_->arena().limit()));
}

Engine::~Engine() {
    while (!stop(kDestructorPatience)) {
    }
}

std::string Engine::device_name() const {
    const DeviceProperties& properties = device_->properties();
    const std::optional<DeviceHardware> hardware = device_->hardware();
    return properties.kind + " (" + (hardware ? hardware->name + ", " : std::string()) + properties.kernel_library +
           ", " + properties.instruction_set + (hardware ? ", " + hardware->driver : std::string()) + ")";
}

std::string Engine::description() const {
    return "device " + device_name() + ", " + std::to_string(device_->threads()) + " threads, pool " +
           in_megabytes(pool_.summary().size) + ", host memory " + in_megabytes(host_.limit()) +
           (bridge_ ? ", " + in_megabytes(bridge_->arena().limit()) + " of it pinned" : std::string());
}

void Engine::start_session(protocol::Descriptor socket) noexcept {
    try {
        join_finished();
        const std::lock_guard lock(threads_mutex_);
        if (stopping_) return;
        const std::shared_ptr<SessionStatus> status = registry_.add();
        // std::function wants to copy what it holds, a descriptor cannot be copied.
        auto shared = std::make_shared<protocol::Descriptor>(std::move(socket));
        SessionRecord& record = threads_[status->id()];
        try {
            const std::size_t stack = device_->is_synchronous() ? kSessionStackBytes : kDeviceSessionStackBytes;
            record.thread = std::make_unique<SessionThread>(stack, [this, status, shared] {
                serve(*status, std::move(*shared));
                registry_.remove(status->id());
                const std::lock_guard finished_lock(threads_mutex_);
                threads_[status->id()].finished = true;
                thread_finished_.notify_all();
            });
        } catch (...) {
            threads_.erase(status->id());
            registry_.remove(status->id());
            throw;
        }
    } catch (const std::exception& failure) {
        log_.error(std::string("could not start a session: ") + failure.what());
    }
}

void Engine::serve(SessionStatus& status, protocol::Descriptor socket) noexcept {
    try {
        Session session(resources_, monitor_, stopping_, build_id_, status, std::move(socket));
        watcher_.watch(status.id(), session.socket(), [this, &status] {
            status.stop() = true;
            wake_waiters();
        });
        session.serve();
        watcher_.unwatch(status.id());
    } catch (const std::exception& failure) {
        log_.error(std::string("could not start a session: ") + failure.what());
    }
}

void Engine::wake_waiters() noexcept {
    pool_.wake();
    arbiter_.wake();
    models_.wake();
}

void Engine::configure(const Settings& settings) {
    const std::lock_guard lock(settings_mutex_);
    log_.set_threshold(settings.log_level);
    device_->set_threads(settings.threads);
    host_.set_limit(host_budget_beside(budgets_, settings, device_->is_synchronous(), memory_limit(), log_));
    jobs_.spill.configure(settings.spill_directory, settings.spill_limit);
    if (settings.pool_size != settings_.pool_size || settings.device != settings_.device ||
        settings.pinned_memory != settings_.pinned_memory)
        log_.log(
            "new values of tensile.pool_size, tensile.pinned_memory and tensile.device take effect when the "
            "engine is started again");
    settings_ = settings;
}

void Engine::join_finished() {
    std::map<std::uint64_t, SessionRecord> finished;
    {
        const std::lock_guard lock(threads_mutex_);
        for (auto record = threads_.begin(); record != threads_.end();) {
            const auto current = record++;
            if (current->second.finished) finished.insert(threads_.extract(current));
        }
    }
    // Threads are joined here, outside the lock that their last statement takes.
}

bool Engine::wait_until_finished(std::chrono::milliseconds patience) {
    std::unique_lock lock(threads_mutex_);
    return thread_finished_.wait_for(lock, patience, [this] {
        for (const auto& [id, record] : threads_)
            if (!record.finished) return false;
        return true;
    });
}

bool Engine::stop(std::chrono::milliseconds patience) {
    stopping_ = true;
    for (const auto& session : registry_.sessions())
        session->stop() = true;
    wake_waiters();
    watcher_.shut_down(/*writing=*/false);
    bool finished = wait_until_finished(patience / 2);
    if (!finished) {
        watcher_.shut_down(/*writing=*/true);
        wake_waiters();
        finished = wait_until_finished(patience / 2);
    }
    if (finished) join_finished();
    return finished;
}

}  // namespace tensile
