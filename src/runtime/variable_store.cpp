// See variable_store.h.
#include "runtime/variable_store.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "runtime/program_instance.h"

namespace tensile {

namespace {

// Memory for one part between a spill file and somewhere else.
class StagingBuffer {
  public:
    StagingBuffer() : memory_(static_cast<std::byte*>(::operator new (kCopyPiece, std::align_val_t{kCopyAlignment}))) {
        std::memset(memory_.get(), 0, kCopyPiece);
    }
    std::span<std::byte> first(std::size_t bytes) { return {memory_.get(), bytes}; }

  private:
    struct Free {
        void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{kCopyAlignment}); }
    };
    std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace

VariableStore::VariableStore(Device& device, DeviceBridge* bridge, const JobLayout& layout,
                             std::span<const VariablePiece> pieces, std::byte* state, HostStore* host)
    : layout_(layout), pieces_(pieces), state_(state), host_(host), bridge_(bridge) {
    if (bridge == nullptr) stream_ = device.create_stream(StreamClass::kCopyOut, StreamPriority::kTraining);
}

void VariableStore::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
    stream_->copy(to, from, bytes);
    stream_->synchronize();
}

void VariableStore::write_state(std::byte* to, std::span<const std::byte> from) {
    bridge_ != nullptr ? bridge_->write(to, from) : copy(to, from.data(), from.size());
}

void VariableStore::read_state(std::span<std::byte> to, const std::byte* from) {
    bridge_ != nullptr ? bridge_->read(to, from) : copy(to.data(), from, to.size());
}

void VariableStore::move_state(std::byte* to, const std::byte* from, std::size_t bytes) {
    bridge_ != nullptr ? bridge_->move(to, from, bytes) : copy(to, from, bytes);
}

bool VariableStore::is_written_in_place(const PieceRange& range) const {
    return bridge_ == nullptr && is_in_one_place(layout_, pieces_, range);
}

void VariableStore::initialize(const Variable& variable, const PieceRange& range, std::byte* staging) {
    const bool is_in_place = is_written_in_place(range);
    const TensorView view = view_of(variable.type, is_in_place ? address(range.begin) : staging);
    std::memset(view.data, 0, view.type.bytes());
    if (variable.initialize) variable.initialize(view);
    if (is_in_place) return;
    for (std::size_t piece = range.begin; piece < range.end; ++piece)
        write(piece, staging + pieces_[piece].offset);
}

// `from` may be read up to the next multiple of kCopyAlignment.
void VariableStore::write(std::size_t piece, const std::byte* from) {
    const std::uint64_t bytes = pieces_[piece].bytes;
    if (is_resident(piece))
        write_state(address(piece), {from, bytes});
    else
        write_pieces(*host_, layout_.piece_copies[piece], {from, aligned_size(bytes, kCopyAlignment)});
}

void VariableStore::read_part(std::size_t piece, std::uint64_t offset, std::span<std::byte> staging) {
    if (is_resident(piece))
        read_state(staging, address(piece) + offset);
    else
        host_->read(layout_.piece_copies[piece] + offset,
                    {staging.data(), aligned_size(staging.size(), kCopyAlignment)});
}

void VariableStore::write_part(std::size_t piece, std::uint64_t offset, std::span<const std::byte> staging) {
    if (is_resident(piece))
        write_state(address(piece) + offset, staging);
    else
        host_->write(layout_.piece_copies[piece] + offset,
                     {staging.data(), aligned_size(staging.size(), kCopyAlignment)});
}

void VariableStore::read(std::size_t piece, std::span<std::byte> to) {
    if (is_resident(piece)) return read_state(to, address(piece));
    StagingBuffer staging;
    for (std::uint64_t offset = 0; offset < to.size(); offset += kCopyPiece) {
        const std::size_t bytes = std::min(to.size() - offset, kCopyPiece);
        read_part(piece, offset, staging.first(bytes));
        std::memcpy(to.data() + offset, staging.first(bytes).data(), bytes);
    }
}

LaunchStatus VariableStore::copy_to(VariableStore& other, const StopFlag* stop) {
    StagingBuffer staging;
    for (std::size_t piece = 0; piece < pieces_.size(); ++piece)
        for (std::uint64_t offset = 0; offset < pieces_[piece].bytes; offset += kCopyPiece) {
            if (stop != nullptr && stop->load(std::memory_order_relaxed)) return LaunchStatus::kStopped;
            const std::size_t bytes = std::min(pieces_[piece].bytes - offset, kCopyPiece);
            if (!is_resident(piece) || !other.is_resident(piece)) {
                read_part(piece, offset, staging.first(bytes));
                other.write_part(piece, offset, staging.first(bytes));
            } else if (address(piece) != other.address(piece)) {
                move_state(other.address(piece) + offset, address(piece) + offset, bytes);
            }
        }
    return LaunchStatus::kCompleted;
}

}  // namespace tensile
