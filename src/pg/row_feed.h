// Rows of a query to the engine: a consumer (row_reader.h) that writes blocks (block_writer.h) into two shared segments
// in turn, so that one is filled while the engine works on the other. What the blocks are for is the stream's matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "client/connection.h"
#include "pg/engine_link.h"
#include "protocol/segment.h"

#include "pg/block_writer.h"
#include "pg/row_reader.h"

namespace tensile {

// One request a block, one block in flight. C++: call inside run_cpp().
class BlockStream {
  public:
    explicit BlockStream(EngineSession session) : session_(std::move(session)) {}
    virtual ~BlockStream() = default;
    BlockStream(const BlockStream&) = delete;
    BlockStream& operator=(const BlockStream&) = delete;

    EngineSession& session() { return session_; }
    // The segment to fill next.
    std::span<std::byte> buffer();
    // Sends the filled segment once the engine is done with the one before it, and turns to the other.
    void send(std::size_t used_bytes);
    // Waits until the engine is done with the last one.
    void finish();

  protected:
    virtual void write_request(client::Connection& connection, const protocol::Segment& segment,
                               std::size_t used_bytes) = 0;
    // Takes what the answer holds; the reply itself is gone afterwards.
    virtual void take_answer(client::Reply reply) = 0;
    // Works on what was taken, while the engine works on the next block.
    virtual void process_answer() {}
    // The engine has evicted the model meanwhile: sends it again.
    virtual void supply_model();

  private:
    void await();

    EngineSession session_;
    std::array<protocol::Segment, 2> segments_;
    std::size_t filling_ = 0;
    bool in_flight_ = false;
    std::size_t in_flight_bytes_ = 0;
};

// Embedded as the first member by whoever has more to do with each row.
struct RowFeed {
    RowConsumer consumer;  // set by prepare_feed()
    BlockStream* stream;
    const WantedColumns* wanted;  // null: all columns of the query
    std::uint32_t row_limit;      // rows a block
    void* owner;                  // for the hooks
    // Called when the columns are known, before the first row. A PostgreSQL frame.
    void (*opened)(RowFeed& feed, TupleDesc columns);
    // Called after a block has been sent; may be null.
    void (*sent)(RowFeed& feed);
    // Called for each row after it has been put into the block; may be null.
    void (*kept)(RowFeed& feed, TupleTableSlot* slot);
    MemoryContext context;  // of the writer; the one that was current in prepare_feed()
    BlockWriter* writer;
    int attribute_limit;  // attributes of a slot that are looked at
};

inline constexpr std::uint32_t kMaxRowsPerBlock = 65536;

void prepare_feed(RowFeed& feed);
// Sends what is left and waits for the answer. PostgreSQL frames, as everything below.
void finish_feed(RowFeed& feed);

}  // namespace tensile
