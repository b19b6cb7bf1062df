// See row_feed.h.
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "client/replies.h"
#include "pg/boundary.h"
#include "tensor/error.h"

#include "pg/row_feed.h"

namespace tensile {
namespace {

// Two of these are about a second-level cache: measured as the best compromise between misses and round trips.
constexpr std::size_t kSegmentBytes = 1024 * 1024;

RowFeed& feed_of(RowConsumer* consumer) {
    return *reinterpret_cast<RowFeed*>(consumer);
}

void begin_next_block(RowFeed& feed) {
    const std::span<std::byte> buffer = run_cpp([&] { return feed.stream->buffer(); });
    begin_block(*feed.writer, buffer);
}

void send_block(RowFeed& feed) {
    const std::size_t used = finish_block(*feed.writer);
    run_cpp([&] { feed.stream->send(used); });
    if (feed.sent != nullptr) feed.sent(feed);
}

void start_feed(RowConsumer* self, TupleDesc columns) {
    RowFeed& feed = feed_of(self);
    MemoryContext caller = MemoryContextSwitchTo(feed.context);
    feed.writer = make_block_writer(choose_converters(columns, feed.wanted), feed.row_limit);
    const ColumnConverters& converters = feed.writer->converters;
    feed.attribute_limit = std::max(feed.attribute_limit, converters.attributes[converters.count - 1] + 1);
    feed.opened(feed, columns);
    begin_next_block(feed);
    MemoryContextSwitchTo(caller);
}

void receive_row(RowConsumer* self, TupleTableSlot* slot) {
    RowFeed& feed = feed_of(self);
    CHECK_FOR_INTERRUPTS();
    slot_getsomeattrs(slot, feed.attribute_limit);
    while (unlikely(!append_row(*feed.writer, slot->tts_values, slot->tts_isnull))) {
        if (feed.writer->rows > 0) send_block(feed);
        begin_next_block(feed);
    }
    if (feed.kept != nullptr) feed.kept(feed, slot);
}

}  // namespace

std::span<std::byte> BlockStream::buffer() {
    protocol::Segment& segment = segments_[filling_];
    if (!segment) {
        std::optional<protocol::Segment> created = protocol::Segment::create(kSegmentBytes);
        if (!created)
            throw Error(sqlstate::kOutOfMemory, "could not allocate memory to send rows to the tensile engine",
                        std::string(std::strerror(errno)) + ".");
        segment = std::move(*created);
    }
    return segment.bytes();
}

void BlockStream::await() {
    client::Reply reply = session_.await_answer();
    const protocol::Segment& segment = segments_[1 - filling_];
    while (reply.as<protocol::NeedModel>() != nullptr) {
        supply_model();
        write_request(session_.connection(), segment, in_flight_bytes_);
        reply = session_.exchange();
    }
    in_flight_ = false;
    take_answer(std::move(reply));
}

void BlockStream::send(std::size_t used_bytes) {
    const bool earlier = in_flight_;
    if (earlier) await();
    write_request(session_.connection(), segments_[filling_], used_bytes);
    session_.send();
    in_flight_ = true;
    in_flight_bytes_ = used_bytes;
    filling_ = 1 - filling_;
    if (earlier) process_answer();
}

void BlockStream::finish() {
    if (!in_flight_) return;
    await();
    process_answer();
}

void BlockStream::supply_model() {
    throw Error(sqlstate::kProtocolViolation, "unexpected reply from the tensile engine",
                "It asked for a model where none is in use.");
}

void prepare_feed(RowFeed& feed) {
    feed.consumer = {start_feed, receive_row};
    feed.context = CurrentMemoryContext;
}

void finish_feed(RowFeed& feed) {
    if (feed.writer->rows > 0) send_block(feed);
    run_cpp([&] { feed.stream->finish(); });
}

}  // namespace tensile
