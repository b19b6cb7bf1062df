// Work that takes rows first and is then run: a training or an evaluation. A session has at most one; whatever ends it
// (the end, an error, the client's loss) destroys it, and with it everything it holds.
#pragma once

#include "engine/session_port.h"

namespace tensile {

class RowWork {
  public:
    virtual ~RowWork() = default;
    // Takes the rows of an AppendRows request and answers it.
    virtual void append(const Request& request) = 0;
    // The rows that follow are those of a side table; answers the request.
    virtual void begin_side_table(const protocol::SideTableBegin& /*message*/) {
        throw ProtocolViolation("this work takes no side table");
    }
    // Does the work and sends the final reply.
    virtual void run() = 0;
};

}  // namespace tensile
