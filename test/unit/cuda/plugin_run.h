// Runs one program node by node through the plug-in's table on the emulated device. Every tensor and every scratch lies
// in an allocation of its own between guard zones and is filled with NaN patterns first, so that a kernel that writes
// outside its buffer or reads what nobody wrote is seen.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/cuda/cuda_problem.h"
#include "device/cuda/plugin_abi.h"
#include "graph/program.h"

extern "C" const TensileDeviceTable* tensile_device_table(std::uint32_t version);

namespace tensile::test {

// The table of the plug-in that is compiled into the test.
const TensileDeviceTable& plugin_table();

// What a function of the table says.
struct Status : TensileStatus {
    Status() : TensileStatus{} { size = sizeof(TensileStatus); }
    std::string text() const { return "code " + std::to_string(code) + ": " + message; }
};

// Throws InternalError with the message of the status.
void require(std::int32_t code, const Status& status);

struct DeviceDeleter {
    void operator()(TensileDevice* device) const { plugin_table().close(device); }
};
using DevicePointer = std::unique_ptr<TensileDevice, DeviceDeleter>;
DevicePointer open_device();

struct StreamDeleter {
    void operator()(TensileStream* stream) const { plugin_table().stream_destroy(stream); }
};
using StreamPointer = std::unique_ptr<TensileStream, StreamDeleter>;
StreamPointer create_stream(TensileDevice* device, TensileStreamClass stream_class = TENSILE_COMPUTE);

struct KernelDeleter {
    void operator()(TensileKernel* kernel) const { plugin_table().kernel_release(kernel); }
};
using KernelPointer = std::unique_ptr<TensileKernel, KernelDeleter>;

// A node as the engine describes it to the plug-in, with what a test wants otherwise.
class NodeProblem {
  public:
    NodeProblem(const Program& program, const Node& node);
    NodeProblem(const NodeProblem&) = delete;
    NodeProblem& operator=(const NodeProblem&) = delete;
    const TensileOpProblem& get() const { return problem_; }
    void set_choice(std::span<const std::uint8_t> choice);
    void set_precision(TensilePrecision precision) { problem_.precision = precision; }
    void set_row_invariant(bool row_invariant) { problem_.row_invariant = row_invariant ? 1 : 0; }
    // As a caller that was compiled before the struct had its last members.
    void set_size(std::size_t bytes) { problem_.size = static_cast<std::uint32_t>(bytes); }

  private:
    CudaProblem of_engine_;
    std::vector<std::uint8_t> choice_;
    TensileOpProblem problem_;
};

// Memory of the emulated device, exactly as long as asked for.
class DeviceBuffer {
  public:
    DeviceBuffer(TensileDevice* device, std::size_t bytes);
    DeviceBuffer(const DeviceBuffer&) = delete;
    DeviceBuffer& operator=(const DeviceBuffer&) = delete;
    ~DeviceBuffer();
    std::byte* data() const { return static_cast<std::byte*>(address_); }

  private:
    TensileDevice* device_;
    void* address_ = nullptr;
};

class PluginRun {
  public:
    PluginRun(TensileDevice* device, const Program& program, TensilePrecision precision = TENSILE_FLOAT32,
              bool row_invariant = false);

    // The buffer of an input or variable.
    TensorView tensor(const std::string& name);
    // The buffer of an output, with the extent of the last run.
    TensorView output(const std::string& name);
    void set_extent(std::size_t slot, std::int64_t extent) { extents_[slot] = extent; }
    // Puts output 0 of the last node into the buffer of that node's input, if the kernel and the types allow it.
    bool overwrite_input(int input);
    // Moves an input or variable, without its content.
    void set_address(const std::string& name, std::byte* address);
    // What preparing said of the kernel of a node.
    const TensileKernelInfo& info(std::size_t node) const { return launches_[node].info; }
    // Again with the algorithms that were chosen: the choice goes out and back in.
    void prepare_again();
    void run(TensileStream* stream);

  private:
    struct Launch {
        std::unique_ptr<NodeProblem> problem;
        KernelPointer kernel;
        TensileKernelInfo info;
        std::unique_ptr<DeviceBuffer> scratch;
    };
    void prepare(Launch& launch);
    std::byte* address(ValueId id) const;
    TensorView view(ValueId id) const;
    ValueId source(const std::string& name) const;

    TensileDevice* device_;
    const Program& program_;
    std::vector<std::unique_ptr<DeviceBuffer>> buffers_;  // by value index, at the start of alias chains
    std::vector<std::byte*> addresses_;                   // by value index, at the start of alias chains
    std::vector<Launch> launches_;                        // by node
    std::vector<std::int64_t> extents_;
};

}  // namespace tensile::test
