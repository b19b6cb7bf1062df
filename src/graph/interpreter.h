// Runs a program with the ops' reference kernels, in float or double. It is the oracle of the tests: gradients are
// checked in double by finite differences, devices in float. It is slow on purpose and knows no device.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/program.h"

namespace tensile {

// A dense host tensor of the interpreter: floating tensors hold doubles or floats, integer tensors their own type.
struct HostTensor {
    TensorType type;
    std::vector<std::byte> bytes;

    template <typename T>
    T* data() {
        return reinterpret_cast<T*>(bytes.data());
    }
    template <typename T>
    const T* data() const {
        return reinterpret_cast<const T*>(bytes.data());
    }
};

// Builds a zeroed tensor; `T` (float or double) replaces f32 as the floating type.
template <typename T>
HostTensor make_host_tensor(const TensorType& type);

template <typename T>
class Interpreter {
  public:
    explicit Interpreter(const Program& program);

    // Inputs and variables by name, to be filled before run(); variables keep their updated values afterwards.
    HostTensor& tensor(const std::string& name);
    // An extent that was never set is the capacity of each shape that refers to it.
    void set_extent(const std::string& name, std::int64_t extent);
    void run();
    // An output by name, valid after run().
    const HostTensor& output(const std::string& name) const;

  private:
    TensorView view(ValueId id);

    const Program& program_;
    std::map<std::string, std::int64_t> extents_;
    std::vector<HostTensor> storage_;  // by value index, only at the start of each alias chain
};

extern template class Interpreter<float>;
extern template class Interpreter<double>;

}  // namespace tensile
