// The prediction slots of the backend's lasting connection: each stands in the engine for one model version over one
// list of columns, and is shared by all calls that need the same. C++: call inside run_cpp().
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "client/replies.h"
#include "pg/engine_link.h"

#include "pg/model_session.h"

namespace tensile {

struct PredictionSlot {
    std::uint32_t number = 0;
    client::ModelKey key{};
    std::string columns;  // their declarations, as one string
    std::vector<client::OutputDeclaration> outputs;
    std::string labels;  // of the last predicted row, one after the other
};

class PredictionSlots {
  public:
    // The backend's own.
    static PredictionSlots& shared();

    // The slot of that number, if the connection on which it was opened still lives and the slot has not been given up;
    // it counts as used now.
    PredictionSlot* find(std::uint64_t connection, std::uint32_t number);
    // A slot for the version over these columns, opened if there is none.
    PredictionSlot& open(EngineSession& engine, const ModelVersion& version, const ColumnConverters& converters);

  private:
    void forget_if_stale(std::uint64_t connection);

    std::uint64_t connection_ = 0;
    std::uint32_t last_number_ = 0;
    std::list<PredictionSlot> slots_;  // the one used last comes first
};

}  // namespace tensile
