// Building a program: declarations, nodes with their alias rules, and the final check and pruning.
#include <algorithm>
#include <cstring>
#include <limits>

#include "graph/program.h"
#include "graph/value_index.h"

namespace tensile {

namespace {

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

// Whether each node is needed for an output or for the next value of a variable.
std::vector<bool> needed_nodes(const Program& program) {
    std::vector<bool> needed_values(program.values().size(), false);
    for (const NamedValue& output : program.outputs())
        needed_values[at(output.value)] = true;

    const std::span<const Node> nodes = program.nodes();
    std::vector<bool> needed(nodes.size(), false);
    for (std::size_t i = nodes.size(); i-- > 0;) {
        const Node& node = nodes[i];
        needed[i] = std::ranges::any_of(node.outputs, [&](ValueId id) { return needed_values[at(id)]; }) ||
                    std::ranges::any_of(node.aliases, [&](const Alias& alias) {
                        const ValueId target = program.storage_of(node.outputs[at(alias.output)]);
                        return program.value(target).kind == ValueKind::kVariable;
                    });
        if (!needed[i]) continue;
        for (ValueId id : node.inputs)
            needed_values[at(id)] = true;
    }
    return needed;
}

}  // namespace

ProgramBuilder::ProgramBuilder(std::string name) {
    program_.name_ = std::move(name);
}

void ProgramBuilder::require_building() const {
    if (finished_) throw InternalError("program \"" + program_.name_ + "\" is finished already");
}

void ProgramBuilder::require_known(ValueId id) const {
    if (!id.valid() || at(id) >= program_.values_.size())
        throw InternalError("value does not belong to program \"" + program_.name_ + "\"");
}

void ProgramBuilder::require_new_name(const std::string& name) const {
    const bool taken =
        std::ranges::any_of(program_.values_, [&](const Value& value) { return value.name == name; }) ||
        std::ranges::any_of(program_.outputs_, [&](const NamedValue& output) { return output.name == name; });
    if (name.empty() || taken)
        throw InternalError("program \"" + program_.name_ + "\" cannot name another value \"" + name + "\"");
}

void ProgramBuilder::require_declared_extent(const Shape& shape) const {
    if (shape.is_bounded() && (shape.extent_slot() < 0 || at(shape.extent_slot()) >= program_.extents_.size()))
        throw InternalError("shape refers to an extent that program \"" + program_.name_ + "\" does not declare");
}

std::int16_t ProgramBuilder::extent(std::string name) {
    require_building();
    if (std::ranges::find(program_.extents_, name) != program_.extents_.end())
        throw InternalError("program \"" + program_.name_ + "\" declares the extent \"" + name + "\" twice");
    if (program_.extents_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int16_t>::max()))
        throw InternalError("program \"" + program_.name_ + "\" has too many extents");
    program_.extents_.push_back(std::move(name));
    return static_cast<std::int16_t>(program_.extents_.size() - 1);
}

ValueId ProgramBuilder::new_value(const TensorType& type, ValueKind kind, std::string name) {
    const ValueId id{static_cast<std::int32_t>(program_.values_.size())};
    Value& value = program_.values_.emplace_back();
    value.type = type;
    value.kind = kind;
    value.name = std::move(name);
    program_.storage_.push_back(id);
    overwritten_.push_back(false);
    return id;
}

ValueId ProgramBuilder::input(std::string name, TensorType type) {
    require_building();
    require_new_name(name);
    require_declared_extent(type.shape);
    const ValueId id = new_value(type, ValueKind::kInput, std::move(name));
    program_.inputs_.push_back(id);
    return id;
}

ValueId ProgramBuilder::variable(const std::string& name, TensorType type) {
    require_building();
    for (ValueId id : program_.variables_) {
        if (value(id).name != name) continue;
        if (value(id).type != type) throw InternalError("variable \"" + name + "\" is used with two types");
        return id;
    }
    require_new_name(name);
    if (type.shape.is_bounded())
        throw InternalError("variable \"" + name + "\" cannot be bounded by a program's extent");
    const ValueId id = new_value(type, ValueKind::kVariable, name);
    program_.variables_.push_back(id);
    return id;
}

ValueId ProgramBuilder::constant(TensorType type, std::span<const std::byte> data) {
    require_building();
    if (type.shape.is_bounded() || data.size() != type.bytes())
        throw InternalError("constant does not fit its type " + type.shape.to_string());
    const ValueId id = new_value(type, ValueKind::kConstant);
    program_.values_[at(id)].data.assign(data.begin(), data.end());
    return id;
}

ValueId ProgramBuilder::constant_scalar(float value) {
    return constant({DType::kF32, {}}, std::as_bytes(std::span(&value, 1)));
}

std::vector<ValueId> ProgramBuilder::add(const Op& op, std::span<const ValueId> inputs, Attributes attributes,
                                         Placement placement) {
    require_building();
    std::vector<TensorType> types;
    for (ValueId id : inputs) {
        require_known(id);
        if (overwritten_[at(id)])
            throw InternalError("op \"" + std::string(op.name()) + "\" cannot read %" + std::to_string(id.index) +
                                " of program \"" + program_.name_ + "\", whose buffer holds a later value");
        types.push_back(value(id).type);
    }
    const std::vector<TensorType> results = op.infer(types, attributes);

    Node node{.op = &op,
              .attributes = std::move(attributes),
              .inputs = {inputs.begin(), inputs.end()},
              .outputs = {},
              .aliases = {},
              .placement = placement};
    node.aliases = op.aliases(node.attributes);
    for (const Alias& alias : node.aliases)
        require_aliasable(node, alias, results);

    const auto producer = static_cast<std::int32_t>(program_.nodes_.size());
    for (const TensorType& type : results) {
        node.outputs.push_back(new_value(type, ValueKind::kResult));
        program_.values_.back().producer = producer;
    }
    for (const Alias& alias : node.aliases) {
        const ValueId replaced = node.inputs[at(alias.input)];
        program_.storage_[at(node.outputs[at(alias.output)])] = program_.storage_of(replaced);
        overwritten_[at(replaced)] = true;
    }
    program_.nodes_.push_back(std::move(node));
    return program_.nodes_.back().outputs;
}

// An in-place update must find a buffer of its type that is the program's to change and that it does not read twice.
void ProgramBuilder::require_aliasable(const Node& node, const Alias& alias,
                                       std::span<const TensorType> results) const {
    const ValueId target = node.inputs[at(alias.input)];
    const ValueKind kind = value(program_.storage_of(target)).kind;
    const char* problem = nullptr;
    if (value(target).type != results[at(alias.output)]) {
        problem = "of another type";
    } else if (kind == ValueKind::kInput || kind == ValueKind::kConstant) {
        problem = "that is an input or a constant";
    } else if (std::ranges::count(node.inputs, target) > 1) {
        problem = "that it reads as another input too";
    }
    if (problem != nullptr)
        throw InternalError("op \"" + std::string(node.op->name()) + "\" cannot update a value " + problem);
}

ValueId ProgramBuilder::add_one(const Op& op, std::span<const ValueId> inputs, Attributes attributes) {
    const std::vector<ValueId> outputs = add(op, inputs, std::move(attributes));
    if (outputs.size() != 1) throw InternalError("op \"" + std::string(op.name()) + "\" has more than one output");
    return outputs[0];
}

void ProgramBuilder::output(std::string name, ValueId id) {
    require_building();
    require_known(id);
    require_new_name(name);
    program_.outputs_.push_back({std::move(name), id});
}

const TensorType& ProgramBuilder::type(ValueId id) const {
    require_known(id);
    return program_.value(id).type;
}

Program ProgramBuilder::finish() {
    require_building();
    finished_ = true;
    for (const NamedValue& output : program_.outputs_)
        if (overwritten_[at(output.value)])
            throw InternalError("output \"" + output.name + "\" of program \"" + program_.name_ +
                                "\" is overwritten before it can be read");

    const std::vector<bool> needed = needed_nodes(program_);
    std::vector<bool> used(program_.values_.size(), false);
    for (ValueId id : program_.inputs_)
        used[at(id)] = true;
    for (const NamedValue& output : program_.outputs_)
        used[at(output.value)] = true;
    for (std::size_t i = 0; i < needed.size(); ++i) {
        if (!needed[i]) continue;
        for (ValueId id : program_.nodes_[i].inputs)
            used[at(id)] = true;
        for (ValueId id : program_.nodes_[i].outputs)
            used[at(id)] = true;
    }
    return compact(needed, used);
}

// Moves what is needed into a new program, with values and nodes numbered afresh in the same order.
Program ProgramBuilder::compact(const std::vector<bool>& needed, const std::vector<bool>& used) {
    Program result;
    result.name_ = std::move(program_.name_);
    result.extents_ = std::move(program_.extents_);

    std::vector<ValueId> renumbered(used.size());
    for (std::size_t i = 0; i < used.size(); ++i) {
        if (!used[i]) continue;
        renumbered[i] = ValueId{static_cast<std::int32_t>(result.values_.size())};
        result.values_.push_back(std::move(program_.values_[i]));
        // The start of a chain comes before everything that lives in its buffer, and is used when anything of it is.
        result.storage_.push_back(renumbered[at(program_.storage_[i])]);
    }
    const auto renumber = [&](std::vector<ValueId>& ids) {
        for (ValueId& id : ids)
            id = renumbered[at(id)];
    };
    for (std::size_t i = 0; i < needed.size(); ++i) {
        if (!needed[i]) continue;
        Node node = std::move(program_.nodes_[i]);
        renumber(node.inputs);
        renumber(node.outputs);
        for (ValueId id : node.outputs)
            result.values_[at(id)].producer = static_cast<std::int32_t>(result.nodes_.size());
        result.nodes_.push_back(std::move(node));
    }
    result.inputs_ = std::move(program_.inputs_);
    renumber(result.inputs_);
    for (ValueId id : program_.variables_)
        if (used[at(id)]) result.variables_.push_back(renumbered[at(id)]);
    for (NamedValue& output : program_.outputs_) {
        const ValueId id = renumbered[at(output.value)];
        if (result.values_[at(id)].name.empty()) result.values_[at(id)].name = output.name;
        result.outputs_.push_back({std::move(output.name), id});
    }
    return result;
}

}  // namespace tensile
