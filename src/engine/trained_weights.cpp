// See trained_weights.h.
#include "engine/trained_weights.h"

#include <cstring>

#include "tensor/error.h"

namespace tensile {

namespace {

std::size_t find_variable(const Job& job, const Variable& wanted) {
    for (std::size_t i = 0; i < job.variables.size(); ++i)
        if (job.variables[i].name == wanted.name && job.variables[i].type == wanted.type) return i;
    throw InternalError("trained job has no weight \"" + wanted.name + "\" of the stored model's type");
}

}  // namespace

void write_weights(Training& training, JobRunner* runner, const Predictor& layout, std::span<std::byte> weights) {
    std::memset(weights.data(), 0, weights.size());
    const Job& job = training.job();
    for (std::size_t i = 0; i < layout.variables().size(); ++i) {
        const Variable& wanted = layout.variables()[i];
        const std::size_t found = find_variable(job, wanted);
        const std::uint64_t offset = layout.weight_offsets()[i];
        const std::uint64_t bytes = wanted.type.bytes();
        if (bytes > weights.size() || offset > weights.size() - bytes)
            throw InternalError("weight \"" + wanted.name + "\" lies outside the stored weights");
        if (runner == nullptr) throw InternalError("weight \"" + wanted.name + "\" of a job that has not run");
        runner->read_variable(static_cast<int>(found), weights.subspan(offset, bytes));
    }
    const std::uint64_t host_bytes = training.host_weight_bytes();
    if (host_bytes != layout.host_weight_bytes() || host_bytes > weights.size())
        throw InternalError("host weights of the trained model do not fit its manifest");
    if (host_bytes > 0) training.write_host_weights(weights.last(host_bytes));
}

}  // namespace tensile
