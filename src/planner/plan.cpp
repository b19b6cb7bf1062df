// The text form of plans.
#include "planner/plan.h"

namespace tensile {

namespace {

void append_after(std::string& text, const std::vector<std::int32_t>& after) {
    if (after.empty()) return;
    text += " after";
    for (std::int32_t action : after)
        text += " " + std::to_string(action);
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

std::string Plan::to_string(const LoweredProgram& lowered) const {
    std::string text = "plan " + program + ": extent " + std::to_string(extent_bytes) + ", peak " +
                       std::to_string(peak_bytes) + ", minimum " + std::to_string(minimum_bytes) + "\n";
    for (std::size_t i = 0; i < lowered.tensors.size(); ++i) {
        const LoweredTensor& tensor = lowered.tensors[i];
        text += "tensor " + std::to_string(i) + " " + tensor.name + ": " + name_of(tensor.kind) + ", " +
                std::to_string(tensor.bytes) + " bytes";
        if (offsets[i] != kNoOffset) text += " at " + std::to_string(offsets[i]);
        if (tensor.is_output) text += ", output";
        text += "\n";
    }
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const auto subject = static_cast<std::size_t>(actions[i].subject);
        text += std::to_string(i) + ": ";
        switch (actions[i].kind) {
        case ActionKind::kRun:
            text += "run " + lowered.ops[subject].name;
            break;
        case ActionKind::kRelease:
            text += "release " + lowered.tensors[subject].name;
            break;
        }
        append_after(text, actions[i].after);
        text += "\n";
    }
    return text;
}

}  // namespace tensile
