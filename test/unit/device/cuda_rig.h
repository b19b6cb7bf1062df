// What the tests of the CUDA device share: a device over the fake plug-in, its slab handed out in pieces, and networks
// that are run on it and by the interpreter.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <vector>

#include "device/cuda/cuda_device.h"
#include "graph/interpreter.h"
#include "support/fake_plugin.h"
#include "unit/device/device_run.h"
#include "unit/device/layered_network.h"

namespace tensile::test {

class CudaRig {
  public:
    static constexpr std::size_t kSlabBytes = std::size_t{16} << 20;

    explicit CudaRig(testing::FakePluginOptions options = {}, int threads = 1)
        : plugin_(std::move(options)),
          device_(plugin_.as_library(),
                  {.threads = threads, .on_fault = [this](const Error& error) { faults_.push_back(error); }}),
          free_(device_.reserve_slab(kSlabBytes), kSlabBytes) {}

    testing::FakePlugin& plugin() { return plugin_; }
    CudaDevice& device() { return device_; }
    const std::vector<Error>& faults() const { return faults_; }

    // A piece of the slab that nobody else has.
    std::span<std::byte> take(std::size_t bytes) {
        const auto piece = free_.first((bytes + 4095) / 4096 * 4096);
        free_ = free_.subspan(piece.size());
        return piece;
    }

  private:
    testing::FakePlugin plugin_;
    std::vector<Error> faults_;
    CudaDevice device_;
    std::span<std::byte> free_;
};

inline void fill_network(DeviceRun& run, const Program& program, std::int64_t extent) {
    for (const auto ids : {program.inputs(), program.variables()})
        for (ValueId id : ids)
            fill_network_tensor(program.value(id).name, run.tensor(program.value(id).name), extent);
    run.set_extent("batch", extent);
}

// The loss and all variables, one after another.
inline std::vector<float> network_state(DeviceRun& run, const Program& program) {
    EXPECT_THAT(run.damaged_guards(), ::testing::IsEmpty());
    std::vector<float> state{run.output("loss").as<float>()[0]};
    for (ValueId id : program.variables()) {
        const TensorView view = run.tensor(program.value(id).name);
        state.insert(state.end(), view.as<float>(), view.as<float>() + view.type.shape.elements());
    }
    return state;
}

// The same of the interpreter after some steps.
inline std::vector<float> interpreted_state(const Program& program, std::int64_t extent, int steps) {
    Interpreter<float> interpreter(program);
    interpreter.set_extent("batch", extent);
    const auto view = [](HostTensor& tensor) { return TensorView{tensor.bytes.data(), tensor.type, 0}; };
    for (const auto ids : {program.inputs(), program.variables()})
        for (ValueId id : ids)
            fill_network_tensor(program.value(id).name, view(interpreter.tensor(program.value(id).name)), extent);
    for (int step = 0; step < steps; ++step)
        interpreter.run();
    std::vector<float> state{interpreter.output("loss").data<float>()[0]};
    for (ValueId id : program.variables()) {
        const HostTensor& tensor = interpreter.tensor(program.value(id).name);
        state.insert(state.end(), tensor.data<float>(), tensor.data<float>() + tensor.type.shape.elements());
    }
    return state;
}

}  // namespace tensile::test
