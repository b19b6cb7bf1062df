// Cutting into pieces; see host_store.h.
#include "memory/host_store.h"

#include <algorithm>

namespace tensile {

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
