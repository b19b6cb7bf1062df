// Runs a job with the reference interpreter, step by step, so that tests of models need no device.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/interpreter.h"
#include "graph/job.h"

namespace tensile::testing {

class InterpretedJob {
  public:
    explicit InterpretedJob(Job& job) : job_(job) {
        for (const Variable& variable : job_.variables) {
            HostTensor& tensor =
                variables_.emplace(variable.name, make_host_tensor<float>(variable.type)).first->second;
            variable.initialize({tensor.bytes.data(), variable.type, variable.type.shape.rows()});
        }
        for (const Program& program : job_.programs)
            interpreters_.push_back(std::make_unique<Interpreter<float>>(program));
    }

    // One program; false when the job has ended. Rows are fed in two pieces, as threads would.
    bool step() {
        const std::optional<int> next = job_.driver->next();
        if (!next) return false;
        const Program& program = job_.programs[static_cast<std::size_t>(*next)];
        Interpreter<float>& interpreter = *interpreters_[static_cast<std::size_t>(*next)];
        std::vector<TensorView> inputs;
        for (ValueId id : program.inputs()) {
            HostTensor& tensor = interpreter.tensor(program.value(id).name);
            std::memset(tensor.bytes.data(), 0xFF, tensor.bytes.size());  // nothing may be left unwritten
            inputs.push_back({tensor.bytes.data(), tensor.type, tensor.type.shape.rows()});
        }
        std::vector<std::int64_t> extents(program.extents().size());
        const Feeds feeds{inputs, extents};
        job_.driver->feed(*next, feeds);
        const std::int64_t rows = job_.driver->feed_row_count(*next);
        job_.driver->feed_rows(*next, feeds, rows / 3, rows);
        job_.driver->feed_rows(*next, feeds, 0, rows / 3);
        for (std::size_t i = 0; i < extents.size(); ++i)
            interpreter.set_extent(program.extents()[i], extents[i]);

        for (ValueId id : program.variables())
            interpreter.tensor(program.value(id).name).bytes = variables_.at(program.value(id).name).bytes;
        interpreter.run();
        for (ValueId id : program.variables())
            variables_.at(program.value(id).name).bytes = interpreter.tensor(program.value(id).name).bytes;

        std::vector<TensorView> outputs;
        for (const NamedValue& output : program.outputs()) {
            // Views are of const data: drivers only read them.
            auto& tensor = const_cast<HostTensor&>(interpreter.output(output.name));
            outputs.push_back({tensor.bytes.data(), tensor.type, tensor.type.shape.rows()});
        }
        job_.driver->observe(*next, outputs);
        ++steps_;
        return true;
    }

    void run() {
        while (step()) {
        }
    }

    int steps() const { return steps_; }
    std::map<std::string, HostTensor>& variables() { return variables_; }

  private:
    Job& job_;
    std::map<std::string, HostTensor> variables_;
    std::vector<std::unique_ptr<Interpreter<float>>> interpreters_;
    int steps_ = 0;
};

// Runs a forward program with given variables; `fill(inputs)` writes the inputs, `read(outputs)` sees the outputs.
template <typename Fill, typename Read>
void interpret(const Program& program, const std::map<std::string, HostTensor>& variables, std::int64_t rows, Fill fill,
               Read read) {
    Interpreter<float> interpreter(program);
    std::vector<TensorView> inputs;
    for (ValueId id : program.inputs()) {
        HostTensor& tensor = interpreter.tensor(program.value(id).name);
        inputs.push_back({tensor.bytes.data(), tensor.type, tensor.type.shape.rows()});
    }
    fill(inputs);
    for (ValueId id : program.variables())
        interpreter.tensor(program.value(id).name).bytes = variables.at(program.value(id).name).bytes;
    for (const std::string& extent : program.extents())
        interpreter.set_extent(extent, rows);
    interpreter.run();
    std::vector<TensorView> outputs;
    for (const NamedValue& output : program.outputs()) {
        auto& tensor = const_cast<HostTensor&>(interpreter.output(output.name));
        outputs.push_back({tensor.bytes.data(), tensor.type, rows});
    }
    read(outputs);
}

}  // namespace tensile::testing
