// Planned programs by (model, capacity): building one costs milliseconds of lowering and kernel preparation, so they
// are kept across predictions, up to a cap, least recently used first out. Thread-safe. Knows no memory extents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "runtime/program_instance.h"

namespace tensile {

// Names an immutable model version; opaque here (the engine uses the SHA-256 of manifest and weights).
using ModelKey = std::array<std::byte, 32>;

class ProgramCache {
  public:
    struct Key {
        ModelKey model{};
        std::int64_t capacity = 0;
        bool operator==(const Key&) const = default;
    };
    struct Counters {
        std::size_t entries = 0;
        std::uint64_t hits = 0;
        std::uint64_t misses = 0;
        std::uint64_t evictions = 0;
    };
    using Builder = std::function<std::shared_ptr<const PlannedProgram>()>;

    explicit ProgramCache(std::size_t limit);

    // The program of that key, built by `build` (without the cache's lock) when it is not held. Callers that ask for
    // the same missing key at the same time may build it twice; all of them get the same one.
    std::shared_ptr<const PlannedProgram> get(const Key& key, const Builder& build);
    Counters counters() const;

  private:
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept;
    };
    struct Entry {
        Key key;
        std::shared_ptr<const PlannedProgram> program;
    };
    using Entries = std::list<Entry>;

    mutable std::mutex mutex_;
    std::size_t limit_;
    Entries entries_;  // most recently used first
    std::unordered_map<Key, Entries::iterator, Hash> index_;
    Counters counters_;
};

}  // namespace tensile
