// See variable_pieces.h.
#include "runtime/variable_pieces.h"

#include <algorithm>
#include <map>
#include <utility>

#include "graph/element_updates.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// A copy that is shorter costs more for its beginning than for its bytes.
constexpr std::uint64_t kLeastSlice = 256 * 1024;
// Of all sliced variables together, about: each is an op of its own and something more to plan.
constexpr std::uint64_t kMostSlices = 64;

// Every program that uses the variable updates it element by element, and one does.
bool may_be_sliced(const Job& job, const Variable& variable) {
    bool is_used = false;
    for (const Program& program : job.programs)
        for (const ValueId id : program.variables()) {
            if (program.value(id).name != variable.name) continue;
            if (!is_updated_by_element(program, id)) return false;
            is_used = true;
        }
    return is_used;
}

std::size_t variable_of(const Job& job, const Program& program, ValueId id) {
    const Value& value = program.value(id);
    const auto found = std::ranges::find(job.variables, value.name, &Variable::name);
    if (found == job.variables.end() || found->type != value.type)
        throw InternalError("program \"" + program.name() + "\" uses variable \"" + value.name +
                            "\", which the job does not declare with that type");
    return static_cast<std::size_t>(found - job.variables.begin());
}

}  // namespace

LoweringOptions sliced(LoweringOptions options, const Job& job, const Program& program) {
    std::vector<const Variable*> candidates;
    std::uint64_t bytes = 0;
    for (const Variable& variable : job.variables) {
        if (!may_be_sliced(job, variable)) continue;
        candidates.push_back(&variable);
        bytes += variable.type.bytes();
    }
    options.slice_bytes = aligned_size(std::max<std::uint64_t>(bytes / kMostSlices, 1), kLeastSlice);
    for (const Variable* variable : candidates) {
        if (variable->type.bytes() <= options.slice_bytes) continue;
        const auto id = std::ranges::find(program.variables(), variable->name,
                                          [&](ValueId value) { return program.value(value).name; });
        if (id != program.variables().end()) options.sliced_variables.push_back(*id);
    }
    return options;
}

std::vector<VariablePiece> assign_pieces(const Job& job, std::span<JobProgram> programs) {
    // By variable and offset: the bytes, then the number of the piece.
    std::vector<std::map<std::uint64_t, std::uint64_t>> cuts(job.variables.size());
    const auto visit = [&](const JobProgram& program, const auto& body) {
        const LoweredProgram& lowered = program.planned->executable->lowered();
        for (const std::int32_t index : program.planned->variable_tensors) {
            const LoweredTensor& tensor = lowered.tensors[static_cast<std::size_t>(index)];
            body(variable_of(job, program.planned->program, tensor.value), tensor);
        }
    };
    const auto bytes_from = [&](std::size_t variable, const LoweredTensor& tensor) {
        return std::min(tensor.bytes, job.variables[variable].type.bytes() - tensor.value_offset);
    };
    for (const JobProgram& program : programs)
        visit(program, [&](std::size_t variable, const LoweredTensor& tensor) {
            cuts[variable][tensor.value_offset] = bytes_from(variable, tensor);
        });
    std::vector<VariablePiece> pieces;
    for (std::size_t variable = 0; variable < cuts.size(); ++variable) {
        if (cuts[variable].empty()) cuts[variable][0] = job.variables[variable].type.bytes();
        std::uint64_t end = 0;
        for (auto& [offset, bytes] : cuts[variable]) {
            if (offset != end)
                throw InternalError("programs of a job cut \"" + job.variables[variable].name + "\" differently");
            end += bytes;
            pieces.push_back({variable, offset, std::exchange(bytes, pieces.size())});
        }
        if (end != job.variables[variable].type.bytes())
            throw InternalError("programs of a job cut \"" + job.variables[variable].name + "\" differently");
    }
    for (JobProgram& program : programs) {
        program.pieces.clear();
        visit(program, [&](std::size_t variable, const LoweredTensor& tensor) {
            const std::size_t piece = cuts[variable].at(tensor.value_offset);
            if (pieces[piece].bytes != bytes_from(variable, tensor))
                throw InternalError("programs of a job cut \"" + job.variables[variable].name + "\" differently");
            program.pieces.push_back(piece);
        });
    }
    return pieces;
}

}  // namespace tensile
