// A guarded map.
#include "engine/session_registry.h"

namespace tensile {

std::shared_ptr<SessionStatus> SessionRegistry::add() {
    const std::lock_guard lock(mutex_);
    auto status = std::make_shared<SessionStatus>(++last_id_);
    sessions_.emplace(last_id_, status);
    return status;
}

void SessionRegistry::remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    sessions_.erase(id);
}

std::vector<std::shared_ptr<SessionStatus>> SessionRegistry::sessions() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<SessionStatus>> result;
    result.reserve(sessions_.size());
    for (const auto& [id, status] : sessions_)
        result.push_back(status);
    return result;
}

}  // namespace tensile
