// Queries on plans, and their text form.
#include "planner/plan.h"

#include <algorithm>

namespace tensile {

namespace {

void append_list(std::string& text, const char* title, const std::vector<std::int32_t>& list) {
    if (list.empty()) return;
    text += title;
    for (const std::int32_t entry : list)
        text += " " + std::to_string(entry);
}

std::string describe_place(const Plan& plan, const LoweredProgram& lowered, std::int32_t index) {
    const Place& place = plan.places[static_cast<std::size_t>(index)];
    return lowered.tensors[static_cast<std::size_t>(place.tensor)].name + " at " + std::to_string(place.offset);
}

}  // namespace

const char* name_of(LoweredKind kind) {
    switch (kind) {
    case LoweredKind::kInput:
        return "input";
    case LoweredKind::kVariable:
        return "variable";
    case LoweredKind::kConstant:
        return "constant";
    case LoweredKind::kResult:
        return "result";
    case LoweredKind::kScratch:
        return "scratch";
    }
    return "?";
}

bool Plan::moves_nothing() const {
    std::vector<bool> ran;
    for (const Action& action : actions) {
        if (action.kind != ActionKind::kRun) return false;
        const auto op = static_cast<std::size_t>(action.subject);
        if (op >= ran.size()) ran.resize(op + 1);
        if (ran[op]) return false;
        ran[op] = true;
    }
    return true;
}

std::vector<std::int32_t> last_places(const LoweredProgram& program, const Plan& plan) {
    std::vector<std::int32_t> last(program.tensors.size(), -1);
    for (std::size_t i = 0; i < plan.places.size(); ++i)
        last[static_cast<std::size_t>(plan.places[i].tensor)] = static_cast<std::int32_t>(i);
    return last;
}

std::vector<std::int32_t> first_places(const LoweredProgram& program, const Plan& plan) {
    std::vector<std::int32_t> first(program.tensors.size(), -1);
    for (const std::int32_t place : plan.initial_places)
        first[static_cast<std::size_t>(plan.places[static_cast<std::size_t>(place)].tensor)] = place;
    return first;
}

std::string Plan::to_string(const LoweredProgram& lowered) const {
    std::string text = "plan " + program + ": extent " + std::to_string(extent_bytes) + ", state " +
                       std::to_string(state_bytes) + ", peak " + std::to_string(peak_bytes) + ", minimum " +
                       std::to_string(minimum_bytes) + "\n";
    for (std::size_t i = 0; i < lowered.tensors.size(); ++i) {
        const LoweredTensor& tensor = lowered.tensors[i];
        text += "tensor " + std::to_string(i) + " " + tensor.name + ": " + name_of(tensor.kind) + ", " +
                std::to_string(tensor.bytes) + " bytes";
        if (homes[i].home == Home::kResident) text += ", resident at " + std::to_string(homes[i].offset);
        if (homes[i].home == Home::kHost) text += ", away between programs";
        if (tensor.is_output) text += ", output";
        text += "\n";
    }
    for (const std::int32_t place : initial_places)
        text += "open " + describe_place(*this, lowered, place) + "\n";
    append_list(text, "feed after previous", feed_waits);
    if (!feed_waits.empty()) text += "\n";
    std::vector<bool> ran(lowered.ops.size());
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const Action& action = actions[i];
        text += std::to_string(i) + ": ";
        switch (action.kind) {
        case ActionKind::kRun:
            text += ran[static_cast<std::size_t>(action.subject)] ? "recompute " : "run ";
            text += lowered.ops[static_cast<std::size_t>(action.subject)].name;
            ran[static_cast<std::size_t>(action.subject)] = true;
            for (const std::int32_t place : action.opens)
                text += (place == action.opens.front() ? " -> " : ", ") + describe_place(*this, lowered, place);
            break;
        case ActionKind::kCopyOut:
            text += "copy out " + describe_place(*this, lowered, action.subject);
            break;
        case ActionKind::kCopyIn:
            text += "copy in " + describe_place(*this, lowered, action.subject);
            break;
        }
        append_list(text, " after", action.waits);
        append_list(text, " after previous", action.previous_waits);
        text += "\n";
    }
    return text;
}

}  // namespace tensile
