// A finished program under other names, and how it prints.
#include "graph/program.h"

#include <cstdio>

namespace tensile {

namespace {

std::string print(ValueId id) {
    return "%" + std::to_string(id.index);
}

std::string print(const TensorType& type) {
    return std::string(name_of(type.dtype)) + type.shape.to_string();
}

std::string print(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

std::string print(const Attribute& attribute) {
    if (const auto* integer = std::get_if<std::int64_t>(&attribute)) return std::to_string(*integer);
    if (const auto* number = std::get_if<double>(&attribute)) return print(*number);
    std::string text = "[";
    for (std::int64_t integer : std::get<std::vector<std::int64_t>>(attribute)) {
        if (text.size() > 1) text += ", ";
        text += std::to_string(integer);
    }
    return text + "]";
}

template <typename Items, typename Print>
std::string join(const Items& items, Print print_item) {
    std::string text;
    for (const auto& item : items) {
        if (!text.empty()) text += ", ";
        text += print_item(item);
    }
    return text;
}

std::string print(const Program& program, const Node& node) {
    const auto print_id = [](ValueId id) { return print(id); };
    std::string text =
        join(node.outputs, print_id) + " = " + std::string(node.op->name()) + "(" + join(node.inputs, print_id) + ")";
    if (!node.attributes.entries().empty()) {
        text +=
            " {" +
            join(node.attributes.entries(), [](const auto& entry) { return entry.first + "=" + print(entry.second); }) +
            "}";
    }
    text += " : " + join(node.outputs, [&](ValueId id) { return print(program.value(id).type); });
    for (const Alias& alias : node.aliases) {
        text += ", " + print(node.outputs[static_cast<std::size_t>(alias.output)]) + " in place of " +
                print(node.inputs[static_cast<std::size_t>(alias.input)]);
    }
    if (node.placement == Placement::kHost) text += ", on the host";
    return text;
}

}  // namespace

Program Program::with_prefix(const std::string& prefix) const {
    Program renamed = *this;
    renamed.name_.insert(0, prefix);
    for (const ValueId id : renamed.variables_)
        renamed.values_[static_cast<std::size_t>(id.index)].name.insert(0, prefix);
    return renamed;
}

std::string Program::to_string() const {
    std::string text = "program \"" + name_ + "\"\n";
    const auto declare = [&](const char* kind, ValueId id) {
        text += print(id) + " = " + kind;
        if (!value(id).name.empty()) text += " \"" + value(id).name + "\"";
        text += " : " + print(value(id).type) + "\n";
    };
    for (const std::string& extent : extents_)
        text += "extent \"" + extent + "\"\n";
    for (ValueId id : inputs_)
        declare("input", id);
    for (ValueId id : variables_)
        declare("variable", id);
    for (std::size_t i = 0; i < values_.size(); ++i)
        if (values_[i].kind == ValueKind::kConstant) declare("constant", ValueId{static_cast<std::int32_t>(i)});
    for (const Node& node : nodes_)
        text += print(*this, node) + "\n";
    for (const NamedValue& output : outputs_)
        text += "output \"" + output.name + "\" = " + print(output.value) + "\n";
    return text;
}

}  // namespace tensile
