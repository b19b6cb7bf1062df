// The sessions that are alive, for those who look at all of them: the monitor and the engine's end. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/session_status.h"

namespace tensile {

class SessionRegistry {
  public:
    // A new session's status, with the next id (from 1).
    std::shared_ptr<SessionStatus> add();
    void remove(std::uint64_t id);
    // In order of their ids.
    std::vector<std::shared_ptr<SessionStatus>> sessions() const;

  private:
    mutable std::mutex mutex_;
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, std::shared_ptr<SessionStatus>> sessions_;
};

}  // namespace tensile
