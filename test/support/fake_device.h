// A device for tests that runs every node with its reference kernel, one lowered op a node: models, runtime and engine
// are tested on it without the CPU device. Bits are those of the interpreter in float. Header-only.
//
// Unlike a real device it makes mistakes visible: scratch is a real tensor that each op fills with rubbish, and pages
// that are discarded are overwritten.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "device/device.h"
#include "tensor/error.h"

namespace tensile::testing {

struct FakeDeviceOptions {
    // Scratch tensor of this size for each op; 0 for none.
    std::uint64_t scratch_bytes = 64;
    // Called before each op of each launch; a test blocks or counts here.
    std::function<void(const std::string& program, int op)> before_launch;
};

class FakeExecutable final : public Executable {
  public:
    FakeExecutable(const Program& program, std::uint64_t scratch_bytes) : program_(&program) {
        lowered_.name = program.name();
        tensor_of_.resize(program.values().size(), -1);
        for (std::size_t i = 0; i < program.values().size(); ++i) {
            const ValueId id{static_cast<std::int32_t>(i)};
            if (program.storage_of(id) == id) add_tensor(id);
        }
        for (const NamedValue& output : program.outputs())
            lowered_.tensors[tensor_of(output.value)].is_output = true;
        for (const Node& node : program.nodes())
            add_op(node, scratch_bytes);
    }

    const LoweredProgram& lowered() const override { return lowered_; }
    std::unique_ptr<Binding> bind(std::span<std::byte* const> addresses) const override;

    const Program& program() const { return *program_; }
    std::size_t tensor_of(ValueId id) const {
        return static_cast<std::size_t>(tensor_of_[static_cast<std::size_t>(program_->storage_of(id).index)]);
    }

  private:
    void add_tensor(ValueId id) {
        const Value& value = program_->value(id);
        LoweredTensor tensor;
        tensor.name = value.name.empty() ? "%" + std::to_string(id.index) : value.name;
        tensor.kind = lowered_kind(value.kind);
        tensor.bytes = value.type.bytes();
        tensor.value = id;
        tensor_of_[static_cast<std::size_t>(id.index)] = static_cast<std::int32_t>(lowered_.tensors.size());
        lowered_.tensors.push_back(std::move(tensor));
    }

    void add_op(const Node& node, std::uint64_t scratch_bytes) {
        LoweredOp op;
        op.name = std::string(node.op->name()) + "_" + std::to_string(lowered_.ops.size());
        const auto add_once = [](std::vector<std::int32_t>& list, std::size_t tensor) {
            for (const std::int32_t other : list)
                if (static_cast<std::size_t>(other) == tensor) return;
            list.push_back(static_cast<std::int32_t>(tensor));
        };
        for (const ValueId input : node.inputs)
            add_once(op.reads, tensor_of(input));
        for (const ValueId output : node.outputs)
            add_once(op.writes, tensor_of(output));
        if (scratch_bytes > 0) {
            op.writes.push_back(static_cast<std::int32_t>(lowered_.tensors.size()));
            lowered_.tensors.push_back({op.name + ".scratch", LoweredKind::kScratch, scratch_bytes, {}, false});
        }
        lowered_.ops.push_back(std::move(op));
    }

    const Program* program_;
    LoweredProgram lowered_;
    std::vector<std::int32_t> tensor_of_;  // by value at the start of its chain
};

class FakeBinding final : public Binding {
  public:
    struct Call {
        const Node* node = nullptr;
        std::vector<TensorView> inputs;
        std::vector<TensorView> outputs;
        std::byte* scratch = nullptr;
        std::uint64_t scratch_bytes = 0;
        // The lowered tensors of the same.
        std::vector<std::int32_t> input_tensors;
        std::vector<std::int32_t> output_tensors;
        std::int32_t scratch_tensor = -1;
    };

    FakeBinding(const FakeExecutable& executable, std::span<std::byte* const> addresses)
        : name_(executable.lowered().name) {
        const Program& program = executable.program();
        const LoweredProgram& lowered = executable.lowered();
        for (std::byte* const address : addresses)
            if (reinterpret_cast<std::uintptr_t>(address) % 64 != 0) throw InternalError("a tensor is not aligned");
        for (std::size_t i = 0; i < program.nodes().size(); ++i) {
            const Node& node = program.nodes()[i];
            Call call;
            call.node = &node;
            const auto view = [&](ValueId id) {
                return TensorView{addresses[executable.tensor_of(id)], program.value(id).type,
                                  program.value(id).type.shape.rows()};
            };
            for (const ValueId input : node.inputs) {
                call.inputs.push_back(view(input));
                call.input_tensors.push_back(static_cast<std::int32_t>(executable.tensor_of(input)));
            }
            for (const ValueId output : node.outputs) {
                call.outputs.push_back(view(output));
                call.output_tensors.push_back(static_cast<std::int32_t>(executable.tensor_of(output)));
            }
            const auto last = static_cast<std::size_t>(lowered.ops[i].writes.back());
            if (lowered.tensors[last].kind == LoweredKind::kScratch) {
                call.scratch = addresses[last];
                call.scratch_bytes = lowered.tensors[last].bytes;
                call.scratch_tensor = static_cast<std::int32_t>(last);
            }
            calls_.push_back(std::move(call));
        }
    }

    const std::string& name() const { return name_; }

    void set_address(std::int32_t tensor, std::byte* address) override {
        if (reinterpret_cast<std::uintptr_t>(address) % 64 != 0) throw InternalError("a tensor is not aligned");
        for (Call& call : calls_) {
            for (std::size_t i = 0; i < call.inputs.size(); ++i)
                if (call.input_tensors[i] == tensor) call.inputs[i].data = address;
            for (std::size_t i = 0; i < call.outputs.size(); ++i)
                if (call.output_tensors[i] == tensor) call.outputs[i].data = address;
            if (call.scratch_tensor == tensor) call.scratch = address;
        }
    }

    void run(int op, std::span<const std::int64_t> extents) {
        Call& call = calls_[static_cast<std::size_t>(op)];
        for (auto* views : {&call.inputs, &call.outputs})
            for (TensorView& view : *views)
                if (view.type.shape.is_bounded())
                    view.extent = extents[static_cast<std::size_t>(view.type.shape.extent_slot())];
        if (call.scratch != nullptr) std::memset(call.scratch, 0xA5, call.scratch_bytes);
        call.node->op->reference_f32({call.inputs, call.outputs, call.node->attributes});
    }

  private:
    std::string name_;
    std::vector<Call> calls_;
};

inline std::unique_ptr<Binding> FakeExecutable::bind(std::span<std::byte* const> addresses) const {
    return std::make_unique<FakeBinding>(*this, addresses);
}

class FakeStream final : public Stream {
  public:
    explicit FakeStream(const FakeDeviceOptions& options) : options_(options) {}

    LaunchStatus launch(Binding& binding, int op, const LaunchContext& context) override {
        auto& fake = static_cast<FakeBinding&>(binding);
        if (options_.before_launch) options_.before_launch(fake.name(), op);
        if (context.stop != nullptr && context.stop->load()) return LaunchStatus::kStopped;
        fake.run(op, context.extents);
        return LaunchStatus::kCompleted;
    }
    void copy(std::byte* destination, const std::byte* source, std::size_t bytes) override {
        std::memcpy(destination, source, bytes);
    }
    void synchronize() override {}
    void parallel_for(std::int64_t count, std::int64_t grain,
                      const std::function<void(std::int64_t, std::int64_t)>& body) override {
        for (std::int64_t begin = 0; begin < count; begin += grain)
            body(begin, std::min(begin + grain, count));
    }

  private:
    const FakeDeviceOptions& options_;
};

class FakeDevice : public Device {
  public:
    explicit FakeDevice(FakeDeviceOptions options = {}) : options_(std::move(options)) {}

    const DeviceProperties& properties() const override { return properties_; }
    bool supports(const Op&, DType dtype) const override { return dtype == DType::kF32 || !is_floating(dtype); }
    std::unique_ptr<Executable> lower(const Program& program, const LoweringOptions&) override {
        ++lowered_programs_;
        return std::make_unique<FakeExecutable>(program, options_.scratch_bytes);
    }
    std::unique_ptr<Stream> create_stream(StreamClass, StreamPriority) override {
        return std::make_unique<FakeStream>(options_);
    }
    std::byte* reserve_slab(std::size_t bytes) override {
        const std::scoped_lock lock(mutex_);
        slabs_.emplace_back(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{4096})));
        return slabs_.back().get();
    }
    void discard(std::byte* begin, std::size_t bytes) override {
        std::memset(begin, 0xDE, bytes);
        discarded_ += bytes;
    }
    void set_threads(int threads) override { threads_ = threads; }
    int threads() const override { return threads_; }

    int lowered_programs() const { return lowered_programs_; }
    std::uint64_t discarded_bytes() const { return discarded_; }

  private:
    struct Free {
        void operator()(std::byte* slab) const { ::operator delete (slab, std::align_val_t{4096}); }
    };
    FakeDeviceOptions options_;
    DeviceProperties properties_{"fake", "none", "reference kernels"};
    std::atomic<int> threads_{1};
    std::mutex mutex_;
    std::vector<std::unique_ptr<std::byte, Free>> slabs_;
    std::atomic<int> lowered_programs_{0};
    std::atomic<std::uint64_t> discarded_{0};
};

}  // namespace tensile::testing
