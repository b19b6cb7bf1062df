// Least-recently-used bookkeeping; see program_cache.h.
#include "runtime/program_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tensile {

ProgramCache::ProgramCache(std::size_t limit) : limit_(std::max<std::size_t>(limit, 1)) {}

std::size_t ProgramCache::Hash::operator()(const Key& key) const noexcept {
    // The model key is a digest: any eight of its bytes are spread evenly.
    std::size_t hash = 0;
    std::memcpy(&hash, key.model.data(), sizeof hash);
    return hash ^ (static_cast<std::size_t>(key.capacity) * 0x9E3779B97F4A7C15U);
}

std::shared_ptr<const PlannedProgram> ProgramCache::get(const Key& key, const Builder& build) {
    const auto find = [&]() -> std::shared_ptr<const PlannedProgram> {
        const auto found = index_.find(key);
        if (found == index_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->program;
    };
    {
        const std::scoped_lock lock(mutex_);
        if (auto program = find()) {
            ++counters_.hits;
            return program;
        }
        ++counters_.misses;
    }
    auto built = build();
    const std::scoped_lock lock(mutex_);
    if (auto program = find()) return program;
    entries_.push_front({key, built});
    index_[key] = entries_.begin();
    while (entries_.size() > limit_) {
        index_.erase(entries_.back().key);
        entries_.pop_back();
        ++counters_.evictions;
    }
    return built;
}

ProgramCache::Counters ProgramCache::counters() const {
    const std::scoped_lock lock(mutex_);
    Counters counters = counters_;
    counters.entries = entries_.size();
    return counters;
}

}  // namespace tensile
