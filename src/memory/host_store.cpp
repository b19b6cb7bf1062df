// Cutting into pieces; see host_store.h.
#include "memory/host_store.h"

#include <algorithm>

#include "tensor/error.h"

namespace tensile {

namespace {

class NoHostStore final : public HostStore {
  public:
    std::uint64_t bytes() const override { return 0; }
    void write(std::uint64_t, std::span<const std::byte>) override { throw_used(); }
    void read(std::uint64_t, std::span<std::byte>) override { throw_used(); }

  private:
    [[noreturn]] static void throw_used() { throw InternalError("a job without spill space copies a tensor"); }
};

}  // namespace

HostStore& no_host_store() {
    static NoHostStore store;
    return store;
}

void write_pieces(HostStore& store, std::uint64_t offset, std::span<const std::byte> from) {
    while (!from.empty()) {
        const std::size_t piece = std::min<std::size_t>(from.size(), kCopyPiece);
        store.write(offset, from.first(piece));
        from = from.subspan(piece);
        offset += piece;
    }
}

void read_pieces(HostStore& store, std::uint64_t offset, std::span<std::byte> to) {
    while (!to.empty()) {
        const std::size_t piece = std::min<std::size_t>(to.size(), kCopyPiece);
        store.read(offset, to.first(piece));
        to = to.subspan(piece);
        offset += piece;
    }
}

}  // namespace tensile
