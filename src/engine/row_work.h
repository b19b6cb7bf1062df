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
    // Does the work and sends the final reply.
    virtual void run() = 0;
};

}  // namespace tensile
