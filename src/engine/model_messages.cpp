// Keys and metrics.
#include "engine/model_messages.h"

#include <cstring>
#include <vector>

namespace tensile {

ModelKey model_key(const flatbuffers::Vector<std::uint8_t>* bytes) {
    ModelKey key{};
    const std::span<const std::byte> given = protocol::bytes_of(bytes);
    if (given.size() != key.size()) throw ProtocolViolation("model key is not a SHA-256 hash");
    std::memcpy(key.data(), given.data(), key.size());
    return key;
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<protocol::Metric>>> write_metrics(
    flatbuffers::FlatBufferBuilder& builder, std::span<const TaskMetric> metrics) {
    std::vector<flatbuffers::Offset<protocol::Metric>> offsets;
    offsets.reserve(metrics.size());
    for (const TaskMetric& metric : metrics) {
        const auto task = builder.CreateSharedString(metric.task);
        const auto name = builder.CreateSharedString(metric.name);
        offsets.push_back(protocol::CreateMetric(builder, task, name, metric.value));
    }
    return builder.CreateVector(offsets);
}

}  // namespace tensile
