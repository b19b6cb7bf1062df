// Ranges by the extent allocator; see pinned_arena.h.
#include "memory/pinned_arena.h"

#include <algorithm>
#include <new>
#include <utility>

#include "planner/plan.h"
#include "tensor/error.h"

namespace tensile {

void HostBuffer::Free::operator()(std::byte* memory) const {
    ::operator delete (memory, std::align_val_t{kCopyAlignment});
}

HostBuffer::HostBuffer(HostBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      arena_(std::exchange(other.arena_, nullptr)),
      plain_(std::move(other.plain_)),
      charge_(std::move(other.charge_)) {}

HostBuffer& HostBuffer::operator=(HostBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(arena_, other.arena_);
    std::swap(plain_, other.plain_);
    std::swap(charge_, other.charge_);
    return *this;
}

HostBuffer::~HostBuffer() {
    if (arena_ != nullptr) arena_->give_back(data_);
}

PinnedArena::PinnedArena(Device& device, HostBudget& budget, std::uint64_t limit) : budget_(budget) {
    constexpr std::uint64_t kGranule = ExtentAllocator::kSmallGranule;
    for (std::uint64_t bytes = limit / kGranule * kGranule; bytes > 0; bytes = bytes / 2 / kGranule * kGranule) {
        try {
            reserve(device, bytes);
            return;
        } catch (const Error& error) {
            if (error.sqlstate() != sqlstate::kOutOfMemory) throw;
        }
    }
}

PinnedArena::~PinnedArena() = default;

void PinnedArena::reserve(Device& device, std::uint64_t bytes) {
    HostCharge charge = budget_.charge(bytes);
    begin_ = device.reserve_host_arena(bytes);
    charge_ = std::move(charge);
    allocator_ = ExtentAllocator(bytes);
}

HostBuffer PinnedArena::try_take(std::uint64_t bytes, const std::string& owner) {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t rounded = ExtentAllocator::rounded(bytes, allocator_.bytes());
    if (rounded > allocator_.bytes()) return {};
    const std::optional<std::uint64_t> offset = allocator_.allocate(rounded);
    if (!offset) return {};
    try {
        ranges_[*offset] = {rounded, owner};
    } catch (...) {
        allocator_.free(*offset, rounded);
        throw;
    }
    used_ += rounded;
    HostBuffer buffer;
    buffer.arena_ = this;
    buffer.data_ = begin_ + *offset;
    buffer.bytes_ = rounded;
    return buffer;
}

HostBuffer PinnedArena::take(std::uint64_t bytes, const std::string& owner) {
    if (HostBuffer buffer = try_take(bytes, owner)) return buffer;
    HostBuffer buffer;
    buffer.bytes_ = aligned_size(std::max<std::uint64_t>(bytes, 1), kCopyAlignment);
    buffer.charge_ = budget_.charge(buffer.bytes_);
    buffer.plain_.reset(static_cast<std::byte*>(::operator new (buffer.bytes_, std::align_val_t{kCopyAlignment})));
    buffer.data_ = buffer.plain_.get();
    return buffer;
}

void PinnedArena::give_back(std::byte* data) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto range = ranges_.find(static_cast<std::uint64_t>(data - begin_));
    allocator_.free(range->first, range->second.bytes);
    used_ -= range->second.bytes;
    ranges_.erase(range);
}

std::uint64_t PinnedArena::used() const {
    const std::scoped_lock lock(mutex_);
    return used_;
}

std::uint64_t PinnedArena::largest_free() const {
    const std::scoped_lock lock(mutex_);
    return allocator_.largest_gap();
}

std::vector<PinnedArena::Row> PinnedArena::rows() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Row> rows;
    for (const auto& [offset, range] : ranges_)
        rows.push_back({range.owner, range.bytes});
    return rows;
}

}  // namespace tensile
