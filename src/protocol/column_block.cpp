// Layout and validation of column blocks. Arithmetic on received numbers is done in 64 bits after each was bounded, so
// that nothing can wrap.
#include "protocol/column_block.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tensile::protocol {

namespace {

constexpr std::uint64_t kLargeBlockAlignment = 64;
constexpr std::uint64_t kSmallBlockAlignment = 8;
// From this many rows on, areas are aligned for vector loads; below, padding would outweigh the data.
constexpr std::uint32_t kLargeBlockRows = 64;

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

constexpr std::uint64_t headers_end(std::uint64_t column_count) {
    return sizeof(BlockHeader) + column_count * sizeof(ColumnHeader);
}

bool is_known(ElementType type) {
    return type <= ElementType::kBlockF32;
}

// Whether [offset, offset + bytes) lies between the headers and the end of the block.
bool area_fits(std::uint64_t offset, std::uint64_t bytes, std::uint64_t begin, std::uint64_t end) {
    return offset >= begin && offset <= end && bytes <= end - offset;
}

// What is wrong with one column's header, or nullptr. `bytes` is the size of the block.
const char* column_problem(const ColumnHeader& column, const BlockHeader& header, std::uint64_t bytes) {
    if (!is_known(column.type)) return "unknown element type";
    if (column.has_nulls > 1) return "null flag out of range";
    if (column.width == 0 || column.width > kMaxBlockWidth) return "width out of range";
    if (column.type != ElementType::kBlockF32 && column.width != 1) return "width of a scalar column is not one";
    const std::uint64_t begin = headers_end(header.column_count);
    if (column.values_offset % kSmallBlockAlignment != 0) return "values are not aligned";
    const std::uint64_t value_bytes = bytes_per_row(column.type, column.width) * header.capacity;
    if (!area_fits(column.values_offset, value_bytes, begin, bytes)) return "values lie outside the block";
    if (column.has_nulls != 0 && !area_fits(column.nulls_offset, header.capacity, begin, bytes))
        return "null flags lie outside the block";
    return nullptr;
}

bool text_fits(const BlockView& view, std::size_t column) {
    const auto* references = static_cast<const TextReference*>(view.values(column));
    const std::uint8_t* nulls = view.nulls(column);
    for (std::uint32_t row = 0; row < view.row_count; ++row) {
        if (nulls != nullptr && nulls[row] != 0) continue;
        if (std::uint64_t{references[row].offset} + references[row].length > view.heap_bytes) return false;
    }
    return true;
}

}  // namespace

std::size_t bytes_per_row(ElementType type, std::uint32_t width) {
    switch (type) {
    case ElementType::kF32:
    case ElementType::kI32:
        return 4;
    case ElementType::kF64:
    case ElementType::kI64:
    case ElementType::kTimestamp:
        return 8;
    case ElementType::kBool:
        return 1;
    case ElementType::kText:
        return sizeof(TextReference);
    case ElementType::kBlockF32:
        return std::size_t{4} * width;
    }
    return 0;
}

BlockLayout lay_out(std::span<const ColumnSpec> columns, std::uint32_t capacity) {
    const std::uint64_t alignment = capacity >= kLargeBlockRows ? kLargeBlockAlignment : kSmallBlockAlignment;
    BlockLayout layout;
    layout.columns.reserve(columns.size());
    std::uint64_t cursor = headers_end(columns.size());
    for (const ColumnSpec& spec : columns) {
        ColumnHeader header{};
        header.type = spec.type;
        header.width = spec.width;
        header.values_offset = cursor = align_up(cursor, alignment);
        cursor += bytes_per_row(spec.type, spec.width) * capacity;
        header.nulls_offset = cursor = align_up(cursor, alignment);
        cursor += capacity;
        layout.columns.push_back(header);
    }
    layout.heap_offset = align_up(cursor, alignment);
    return layout;
}

void start_block(std::span<std::byte> block, const BlockLayout& layout, std::uint32_t capacity) {
    BlockHeader header{};
    header.magic = kBlockMagic;
    header.column_count = static_cast<std::uint32_t>(layout.columns.size());
    header.capacity = capacity;
    header.heap_offset = layout.heap_offset;
    std::memcpy(block.data(), &header, sizeof header);
    const auto columns = std::as_bytes(std::span(layout.columns));
    std::copy(columns.begin(), columns.end(), block.begin() + sizeof header);
}

std::optional<BlockView> validate(std::span<const std::byte> block, std::string& problem) {
    const auto refuse = [&](std::string reason) {
        problem = "malformed column block: " + std::move(reason);
        return std::nullopt;
    };
    if (reinterpret_cast<std::uintptr_t>(block.data()) % kSmallBlockAlignment != 0) return refuse("not aligned");
    if (block.size() < sizeof(BlockHeader)) return refuse("shorter than its header");
    BlockHeader header;
    std::memcpy(&header, block.data(), sizeof header);
    if (header.magic != kBlockMagic) return refuse("wrong magic number");
    if (header.column_count > kMaxColumns) return refuse("too many columns");
    if (block.size() < headers_end(header.column_count)) return refuse("shorter than its column headers");
    if (header.row_count > header.capacity) return refuse("more rows than its capacity");
    if (!area_fits(header.heap_offset, header.heap_bytes, headers_end(header.column_count), block.size()))
        return refuse("the text heap lies outside the block");

    BlockView view;
    view.row_count = header.row_count;
    view.columns.resize(header.column_count);
    const auto columns = std::as_writable_bytes(std::span(view.columns));
    std::copy_n(block.begin() + sizeof header, columns.size(), columns.begin());
    view.base = block.data();
    view.heap = reinterpret_cast<const char*>(block.data()) + header.heap_offset;
    view.heap_bytes = std::min<std::uint64_t>(header.heap_bytes, std::numeric_limits<std::uint32_t>::max());
    for (std::size_t i = 0; i < view.columns.size(); ++i) {
        const char* reason = column_problem(view.columns[i], header, block.size());
        if (reason == nullptr && view.columns[i].type == ElementType::kText && !text_fits(view, i))
            reason = "text lies outside the heap";
        if (reason != nullptr) return refuse("column " + std::to_string(i + 1) + ": " + reason);
    }
    return view;
}

}  // namespace tensile::protocol
