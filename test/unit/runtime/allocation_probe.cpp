// The functions of malloc.h defined here take the place of glibc's for the whole process; each calls glibc's own under
// its other name.
#include "unit/runtime/allocation_probe.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace tensile::testing {
bool can_watch_heap() {
    return false;
}
void start_watching_heap() {}
HeapTraffic stop_watching_heap() {
    return {};
}
}  // namespace tensile::testing

#else

namespace {

constinit std::atomic<bool> watching{false};
constinit std::atomic<std::uint64_t> allocations{0};
constinit std::atomic<std::uint64_t> largest{0};
constinit std::atomic<std::int64_t> growth{0};

void note_allocation(void* block, std::size_t bytes) {
    if (block == nullptr || !watching.load(std::memory_order_relaxed)) return;
    ++allocations;
    growth += static_cast<std::int64_t>(malloc_usable_size(block));
    std::uint64_t known = largest.load();
    while (known < bytes && !largest.compare_exchange_weak(known, bytes)) {
    }
}

void note_release(void* block) {
    if (block == nullptr || !watching.load(std::memory_order_relaxed)) return;
    growth -= static_cast<std::int64_t>(malloc_usable_size(block));
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* block);

// Libraries must find them too.
#pragma GCC visibility push(default)

void* malloc(std::size_t bytes) {
    void* const block = __libc_malloc(bytes);
    note_allocation(block, bytes);
    return block;
}

void* calloc(std::size_t count, std::size_t bytes) {
    void* const block = __libc_calloc(count, bytes);
    note_allocation(block, count * bytes);
    return block;
}

void* realloc(void* old, std::size_t bytes) {
    note_release(old);
    void* const block = __libc_realloc(old, bytes);
    note_allocation(block, bytes);
    return block;
}

void* memalign(std::size_t alignment, std::size_t bytes) {
    void* const block = __libc_memalign(alignment, bytes);
    note_allocation(block, bytes);
    return block;
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    return memalign(alignment, bytes);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
    *block = memalign(alignment, bytes);
    return *block == nullptr ? ENOMEM : 0;
}

void free(void* block) {
    note_release(block);
    __libc_free(block);
}

#pragma GCC visibility pop

}  // extern "C"

namespace tensile::testing {

bool can_watch_heap() {
    return true;
}

void start_watching_heap() {
    allocations = 0;
    largest = 0;
    growth = 0;
    watching = true;
}

HeapTraffic stop_watching_heap() {
    watching = false;
    return {allocations, largest, growth};
}

}  // namespace tensile::testing

#endif
