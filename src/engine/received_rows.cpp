// From protocol types to model types.
#include "engine/received_rows.h"

#include <optional>
#include <string>
#include <utility>

namespace tensile {

namespace {

ColumnMeaning meaning_of(protocol::ColumnKind kind) {
    switch (kind) {
    case protocol::ColumnKind::Number:
        return ColumnMeaning::kNumber;
    case protocol::ColumnKind::Boolean:
        return ColumnMeaning::kBoolean;
    case protocol::ColumnKind::Text:
        return ColumnMeaning::kText;
    case protocol::ColumnKind::Timestamp:
        return ColumnMeaning::kTimestamp;
    case protocol::ColumnKind::Block:
        return ColumnMeaning::kBlock;
    }
    throw ProtocolViolation("column of unknown kind");
}

struct Physical {
    RawType type;
    ColumnMeaning meaning;
};

Physical physical_of(protocol::ElementType type) {
    switch (type) {
    case protocol::ElementType::kF32:
        return {RawType::kF32, ColumnMeaning::kNumber};
    case protocol::ElementType::kF64:
        return {RawType::kF64, ColumnMeaning::kNumber};
    case protocol::ElementType::kI32:
        return {RawType::kI32, ColumnMeaning::kNumber};
    case protocol::ElementType::kI64:
        return {RawType::kI64, ColumnMeaning::kNumber};
    case protocol::ElementType::kBool:
        return {RawType::kBool, ColumnMeaning::kBoolean};
    case protocol::ElementType::kText:
        return {RawType::kText, ColumnMeaning::kText};
    case protocol::ElementType::kTimestamp:
        return {RawType::kTimestamp, ColumnMeaning::kTimestamp};
    case protocol::ElementType::kBlockF32:
        return {RawType::kBlockF32, ColumnMeaning::kBlock};
    }
    throw ProtocolViolation("column of unknown type");
}

std::span<const std::byte> block_of(const protocol::Rows* rows, const protocol::Segment& segment) {
    if (rows == nullptr) throw ProtocolViolation("message without rows");
    if (rows->segment_bytes() == 0) return protocol::bytes_of(rows->inline_bytes());
    if (rows->segment_bytes() > segment.bytes().size()) throw ProtocolViolation("rows exceed their segment");
    return segment.bytes().first(rows->segment_bytes());
}

// References that point outside the heap become empty text; validate() has found none, so the sender changed them
// since.
void copy_text(const protocol::BlockView& view, std::size_t column, std::vector<TextSlice>& text) {
    const auto* references = static_cast<const volatile protocol::TextReference*>(view.values(column));
    const std::uint8_t* nulls = view.nulls(column);
    text.resize(view.row_count);
    for (std::uint32_t row = 0; row < view.row_count; ++row) {
        const TextSlice slice{references[row].offset, references[row].length};
        const bool usable =
            (nulls == nullptr || nulls[row] == 0) && std::uint64_t{slice.offset} + slice.length <= view.heap_bytes;
        text[row] = usable ? slice : TextSlice{0, 0};
    }
}

}  // namespace

std::vector<ColumnDescription> column_descriptions(
    const flatbuffers::Vector<flatbuffers::Offset<protocol::ColumnDeclaration>>* columns) {
    if (columns == nullptr || columns->size() == 0) throw ProtocolViolation("message without columns");
    if (columns->size() > protocol::kMaxColumns) throw ProtocolViolation("too many columns");
    std::vector<ColumnDescription> descriptions;
    descriptions.reserve(columns->size());
    for (const protocol::ColumnDeclaration* column : *columns) {
        if (column->name() == nullptr) throw ProtocolViolation("column without a name");
        descriptions.push_back({std::string(protocol::text_of(column->name())),
                                std::string(protocol::text_of(column->type_name())), meaning_of(column->kind())});
    }
    return descriptions;
}

const RawRows& ReceivedRows::read(const protocol::Rows* rows, const protocol::Segment& segment,
                                  std::span<const ColumnDescription> declared) {
    std::string problem;
    const std::optional<protocol::BlockView> view = protocol::validate(block_of(rows, segment), problem);
    if (!view) throw ProtocolViolation(problem);
    if (view->columns.size() != declared.size())
        throw ProtocolViolation("rows have another number of columns than declared");
    columns_.resize(declared.size());
    text_.resize(declared.size());
    for (std::size_t i = 0; i < declared.size(); ++i) {
        const Physical physical = physical_of(view->columns[i].type);
        if (physical.meaning != declared[i].meaning)
            throw ProtocolViolation("column \"" + declared[i].name + "\" is of another kind than declared");
        RawColumn& column = columns_[i];
        column.type = physical.type;
        column.values = view->values(i);
        column.nulls = view->nulls(i);
        column.width = view->columns[i].width;
        if (physical.type == RawType::kText) {
            copy_text(*view, i, text_[i]);
            column.values = text_[i].data();
        }
    }
    rows_.count = view->row_count;
    rows_.columns = columns_;
    rows_.heap = view->heap;
    return rows_;
}

}  // namespace tensile
