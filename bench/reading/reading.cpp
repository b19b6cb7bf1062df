// A module for measuring the reading of rows alone, in one backend and without the engine: the same receiver and the
// same conversion into column blocks as train() uses, beside a receiver that only looks at all columns. See run in this
// folder.
#include <cstdlib>

#include "pg/block_writer.h"
#include "pg/row_reader.h"

extern "C" {
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(reading_discard);
PG_FUNCTION_INFO_V1(reading_blocks);
}

namespace {

constexpr std::size_t kBlockBytes = 1024 * 1024;

struct BlockConsumer {
    tensile::RowConsumer consumer;  // must be first
    MemoryContext context;
    tensile::BlockWriter* writer;
    std::byte* buffers[2];
    int filling;
};

BlockConsumer& consumer_of(tensile::RowConsumer* self) {
    return *reinterpret_cast<BlockConsumer*>(self);
}

void ignore_start(tensile::RowConsumer*, TupleDesc) {}

void discard(tensile::RowConsumer*, TupleTableSlot* slot) {
    CHECK_FOR_INTERRUPTS();
    slot_getallattrs(slot);
}

void start_blocks(tensile::RowConsumer* self, TupleDesc columns) {
    BlockConsumer& blocks = consumer_of(self);
    MemoryContext caller = MemoryContextSwitchTo(blocks.context);
    blocks.writer = tensile::make_block_writer(tensile::choose_converters(columns), 65536);
    for (std::byte*& buffer : blocks.buffers)
        buffer = reinterpret_cast<std::byte*>(TYPEALIGN(64, palloc0(kBlockBytes + 64)));
    tensile::begin_block(*blocks.writer, {blocks.buffers[0], kBlockBytes});
    MemoryContextSwitchTo(caller);
}

void write_row(tensile::RowConsumer* self, TupleTableSlot* slot) {
    BlockConsumer& blocks = consumer_of(self);
    CHECK_FOR_INTERRUPTS();
    slot_getallattrs(slot);
    while (!tensile::append_row(*blocks.writer, slot->tts_values, slot->tts_isnull)) {
        tensile::finish_block(*blocks.writer);
        blocks.filling = 1 - blocks.filling;
        tensile::begin_block(*blocks.writer, {blocks.buffers[blocks.filling], kBlockBytes});
    }
}

}  // namespace

extern "C" {

Datum reading_discard(PG_FUNCTION_ARGS) {
    tensile::RowConsumer consumer{ignore_start, discard};
    const char* query = text_to_cstring(PG_GETARG_TEXT_PP(0));
    return Int64GetDatum(
        static_cast<std::int64_t>(tensile::read_rows(query, consumer, tensile::ReadOrder::kRepeatable)));
}

Datum reading_blocks(PG_FUNCTION_ARGS) {
    BlockConsumer blocks{};
    blocks.consumer = {start_blocks, write_row};
    blocks.context = CurrentMemoryContext;
    const char* query = text_to_cstring(PG_GETARG_TEXT_PP(0));
    return Int64GetDatum(
        static_cast<std::int64_t>(tensile::read_rows(query, blocks.consumer, tensile::ReadOrder::kRepeatable)));
}
}
