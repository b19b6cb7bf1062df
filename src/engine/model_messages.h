// Parts of messages that name models, shared by the services.
#pragma once

#include <cstddef>
#include <span>

#include "engine/session_port.h"
#include "models/model_family.h"
#include "runtime/program_cache.h"

namespace tensile {

// Throws ProtocolViolation unless there are 32 bytes.
ModelKey model_key(const flatbuffers::Vector<std::uint8_t>* bytes);

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<protocol::Metric>>> write_metrics(
    flatbuffers::FlatBufferBuilder& builder, std::span<const TaskMetric> metrics);

inline void send_accepted(SessionPort& port) {
    flatbuffers::FlatBufferBuilder& builder = port.begin();
    port.send(protocol::CreateAccepted(builder));
}

inline void send_need_model(SessionPort& port) {
    flatbuffers::FlatBufferBuilder& builder = port.begin();
    port.send(protocol::CreateNeedModel(builder));
}

}  // namespace tensile
