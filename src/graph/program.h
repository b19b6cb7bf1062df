// A program: a static single-assignment list of nodes over values, for one batch capacity, without control flow.
//
// A program is built once by ProgramBuilder, checked by finish(), and never changes. It knows nothing of devices,
// memory or data. Values are of four kinds: inputs (fed at each step: batches, masks, step scalars), variables (belong
// to the job and outlive the program's execution; see graph/job.h), constants, and results of nodes. In-place updates
// are expressed by aliases: a node's output may be a variable's next value written into the same buffer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace tensile {

enum class ValueKind : std::uint8_t { kInput, kVariable, kConstant, kResult };
enum class Placement : std::uint8_t { kDevice, kHost };

struct Value {
    TensorType type;
    ValueKind kind = ValueKind::kResult;
    std::string name;             // unique among inputs, variables and outputs; may be empty for results
    std::int32_t producer = -1;   // node index, or -1
    std::vector<std::byte> data;  // of a constant
};

struct Node {
    const Op* op = nullptr;
    Attributes attributes;
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
    std::vector<Alias> aliases;
    Placement placement = Placement::kDevice;
};

struct NamedValue {
    std::string name;
    ValueId value;
};

class Program {
  public:
    const std::string& name() const { return name_; }
    std::span<const Value> values() const { return values_; }
    std::span<const Node> nodes() const { return nodes_; }
    const Value& value(ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }

    // Fed at each step, in the order of their declaration.
    std::span<const ValueId> inputs() const { return inputs_; }
    // Values of the job's variables, in the order of first use.
    std::span<const ValueId> variables() const { return variables_; }
    // Readable after the step: scalars read back by the driver, predictions, ...
    std::span<const NamedValue> outputs() const { return outputs_; }
    // Names of the extent slots that bounded dimensions refer to ("batch").
    std::span<const std::string> extents() const { return extents_; }

    // The buffer a value lives in: itself, or the value at the start of its alias chain.
    ValueId storage_of(ValueId id) const { return storage_[static_cast<std::size_t>(id.index)]; }

    // The same program with `prefix` before its own name and those of its variables, so that programs of several jobs
    // can lie side by side.
    Program with_prefix(const std::string& prefix) const;

    // One line a node, for people: "%7 = matmul(%3, %5) {transpose_a=0} : f32[256?, 64]".
    std::string to_string() const;

  private:
    friend class ProgramBuilder;
    std::string name_;
    std::vector<Value> values_;
    std::vector<Node> nodes_;
    std::vector<ValueId> inputs_;
    std::vector<ValueId> variables_;
    std::vector<NamedValue> outputs_;
    std::vector<std::string> extents_;
    std::vector<ValueId> storage_;
};

class ProgramBuilder {
  public:
    explicit ProgramBuilder(std::string name);

    // Declares an extent slot; the returned index goes into Shape::bounded.
    std::int16_t extent(std::string name);
    ValueId input(std::string name, TensorType type);
    // The job's variable of that name; asking twice gives the same value.
    ValueId variable(const std::string& name, TensorType type);
    ValueId constant(TensorType type, std::span<const std::byte> data);
    ValueId constant_scalar(float value);

    // Appends a node; types come from the op's shape rule. Reading a value whose buffer an earlier node has taken over
    // through an alias is an InternalError.
    std::vector<ValueId> add(const Op& op, std::span<const ValueId> inputs, Attributes attributes = {},
                             Placement placement = Placement::kDevice);
    // The same for an op with exactly one output.
    ValueId add_one(const Op& op, std::span<const ValueId> inputs, Attributes attributes = {});

    void output(std::string name, ValueId value);

    const TensorType& type(ValueId id) const;
    std::span<const Node> nodes() const { return program_.nodes_; }
    const Value& value(ValueId id) const { return program_.value(id); }

    // Checks the program, drops nodes that neither an output nor a variable's next value needs, and returns it with
    // values and nodes numbered afresh: ids of the builder mean nothing in it. Every input stays, used or not; unused
    // variables do not. The builder is spent afterwards.
    Program finish();

  private:
    ValueId new_value(const TensorType& type, ValueKind kind, std::string name = {});
    void require_building() const;
    void require_known(ValueId id) const;
    void require_new_name(const std::string& name) const;
    void require_declared_extent(const Shape& shape) const;
    void require_aliasable(const Node& node, const Alias& alias, std::span<const TensorType> results) const;
    Program compact(const std::vector<bool>& needed, const std::vector<bool>& used);

    Program program_;
    std::vector<bool> overwritten_;  // by value: its buffer holds a later value now
    bool finished_ = false;
};

}  // namespace tensile
