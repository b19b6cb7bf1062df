// See prediction_slots.h.
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"

#include "pg/prediction_slots.h"

namespace tensile {
namespace {

// More are not kept; the one unused for longest makes room.
constexpr std::size_t kMaxSlots = 64;

std::string describe(const ColumnConverters& converters) {
    std::string description;
    for (int i = 0; i < converters.count; ++i) {
        const ColumnConverter& column = converters.columns[i];
        description.append(column.utf8_name).push_back('\0');
        description.append(column.type_name).push_back('\0');
    }
    return description;
}

}  // namespace

PredictionSlots& PredictionSlots::shared() {
    static PredictionSlots slots;
    return slots;
}

void PredictionSlots::forget_if_stale(std::uint64_t connection) {
    if (connection == connection_) return;
    slots_.clear();
    connection_ = connection;
}

PredictionSlot* PredictionSlots::find(std::uint64_t connection, std::uint32_t number) {
    forget_if_stale(connection);
    for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
        if (slot->number != number) continue;
        if (slot != slots_.begin()) slots_.splice(slots_.begin(), slots_, slot);
        return &*slot;
    }
    return nullptr;
}

PredictionSlot& PredictionSlots::open(EngineSession& engine, const ModelVersion& version,
                                      const ColumnConverters& converters) {
    forget_if_stale(engine.number());
    const client::ModelKey key = key_of(version);
    std::string columns = describe(converters);
    for (PredictionSlot& slot : slots_) {
        if (slot.key == key && slot.columns == columns) return *find(engine.number(), slot.number);
    }
    if (slots_.size() >= kMaxSlots) {
        client::request_end_prediction(engine.connection(), slots_.back().number);
        client::expect<protocol::Accepted>(engine.exchange());
        slots_.pop_back();
    }
    PredictionSlot slot;
    slot.number = ++last_number_;
    slot.key = key;
    slot.columns = std::move(columns);
    slot.outputs = open_prediction(engine, slot.number, version, converters);
    slots_.push_front(std::move(slot));
    return slots_.front();
}

}  // namespace tensile
