#include "unit/planner/random_program.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tensor/random.h"

namespace tensile {

namespace {

class Builder {
  public:
    Builder(std::uint64_t seed, int op_count) : seed_(seed) {
        program_.name = "random " + std::to_string(seed);
        build(op_count);
    }

    LoweredProgram take() { return std::move(program_); }

  private:
    std::uint32_t below(std::uint32_t bound) { return random_below(seed_, 1, counter_++, bound); }

    std::int32_t tensor(LoweredKind kind) {
        const std::uint64_t bytes = std::uint64_t{1} + below(1U << (4 + below(16)));
        program_.tensors.push_back({"t" + std::to_string(program_.tensors.size()), kind, bytes, {}, false});
        return static_cast<std::int32_t>(program_.tensors.size()) - 1;
    }

    void build(int op_count) {
        const std::uint32_t inputs = 1 + below(4);
        for (std::uint32_t i = 0; i < inputs; ++i)
            readable_.push_back(tensor(LoweredKind::kInput));
        const std::uint32_t variables = below(6);
        for (std::uint32_t i = 0; i < variables; ++i)
            readable_.push_back(tensor(LoweredKind::kVariable));
        readable_.push_back(tensor(LoweredKind::kConstant));
        for (int i = 0; i < op_count; ++i)
            add_op(i);
    }

    std::int32_t pick() {
        // Recent tensors are used most; old ones now and then, as a backward pass does.
        const auto count = static_cast<std::uint32_t>(readable_.size());
        if (below(4) == 0) return readable_[below(count)];
        return readable_[count - 1 - below(std::min(count, 6U))];
    }

    void add_op(int index) {
        LoweredOp op;
        op.name = "op" + std::to_string(index);
        const std::uint32_t reads = 1 + below(3);
        for (std::uint32_t i = 0; i < reads; ++i) {
            const std::int32_t read = pick();
            if (std::find(op.reads.begin(), op.reads.end(), read) == op.reads.end()) op.reads.push_back(read);
        }
        if (program_.tensors[static_cast<std::size_t>(op.reads[0])].kind != LoweredKind::kConstant && below(5) == 0) {
            op.writes.push_back(op.reads[0]);
        } else {
            const std::uint32_t writes = 1 + below(2);
            for (std::uint32_t i = 0; i < writes; ++i) {
                const std::int32_t written = tensor(LoweredKind::kResult);
                op.writes.push_back(written);
                readable_.push_back(written);
                program_.tensors.back().is_output = below(12) == 0;
            }
        }
        if (below(3) == 0) op.writes.push_back(tensor(LoweredKind::kScratch));
        program_.ops.push_back(std::move(op));
    }

    std::uint64_t seed_;
    std::uint64_t counter_ = 0;
    LoweredProgram program_;
    std::vector<std::int32_t> readable_;
};

}  // namespace

LoweredProgram random_lowered_program(std::uint64_t seed, int op_count) {
    return Builder(seed, op_count).take();
}

LoweredProgram layered_training_program(int layers, std::uint64_t activation_bytes, std::uint64_t weight_bytes) {
    LoweredProgram program;
    program.name = "layered";
    const auto add = [&](std::string name, LoweredKind kind, std::uint64_t bytes) {
        program.tensors.push_back({std::move(name), kind, bytes, {}, false});
        return static_cast<std::int32_t>(program.tensors.size()) - 1;
    };
    std::vector<std::int32_t> activations = {add("batch", LoweredKind::kInput, activation_bytes)};
    std::vector<std::int32_t> weights;
    for (int layer = 0; layer < layers; ++layer) {
        const std::string suffix = std::to_string(layer);
        weights.push_back(add("weight" + suffix, LoweredKind::kVariable, weight_bytes));
        activations.push_back(add("activation" + suffix, LoweredKind::kResult, activation_bytes));
        const auto scratch = add("scratch" + suffix, LoweredKind::kScratch, weight_bytes / 2);
        program.ops.push_back({"forward" + suffix,
                               {activations[static_cast<std::size_t>(layer)], weights.back()},
                               {activations.back(), scratch}});
    }
    std::int32_t gradient = add("loss gradient", LoweredKind::kResult, activation_bytes);
    program.ops.push_back({"loss", {activations.back()}, {gradient}});
    for (int layer = layers - 1; layer >= 0; --layer) {
        const auto at = static_cast<std::size_t>(layer);
        const std::string suffix = std::to_string(layer);
        const auto weight_gradient = add("weight gradient" + suffix, LoweredKind::kResult, weight_bytes);
        const auto next = add("gradient" + suffix, LoweredKind::kResult, activation_bytes);
        program.ops.push_back({"backward weight" + suffix, {activations[at], gradient}, {weight_gradient}});
        program.ops.push_back({"backward data" + suffix, {weights[at], gradient}, {next}});
        program.ops.push_back({"update" + suffix, {weight_gradient, weights[at]}, {weights[at]}});
        gradient = next;
    }
    return program;
}

LoweredProgram deep_training_program(const TrainingShape& shape) {
    LoweredProgram program;
    program.name = "deep";
    const auto add = [&](std::string name, LoweredKind kind, std::uint64_t bytes) {
        program.tensors.push_back({std::move(name), kind, bytes, {}, false});
        return static_cast<std::int32_t>(program.tensors.size()) - 1;
    };
    const auto op = [&](std::string name, std::vector<std::int32_t> reads, std::vector<std::int32_t> writes,
                        double flops) {
        program.ops.push_back({std::move(name), std::move(reads), std::move(writes), flops, 0});
    };
    struct Layer {
        std::int32_t weight, input, heavy, output, skip;
        std::uint64_t bytes;
    };
    const double heavy_flops = 100.0 * static_cast<double>(shape.activation_bytes);
    std::vector<Layer> layers;
    std::int32_t current = add("batch", LoweredKind::kInput, shape.activation_bytes);
    std::int32_t skip = current;
    for (int i = 0; i < shape.layers; ++i) {
        const std::string suffix = std::to_string(i);
        Layer layer{};
        layer.bytes = shape.activation_bytes >> (shape.shrinks ? 4 * i / shape.layers : 0);
        const auto bytes = static_cast<double>(layer.bytes);
        layer.weight = add("weight" + suffix, LoweredKind::kVariable, shape.weight_bytes);
        layer.input = current;
        layer.heavy = add("heavy" + suffix, LoweredKind::kResult, layer.bytes);
        const std::int32_t scratch = add("scratch" + suffix, LoweredKind::kScratch, layer.bytes / 4);
        op("forward heavy" + suffix, {current, layer.weight}, {layer.heavy, scratch}, heavy_flops);
        layer.output = add("cheap" + suffix, LoweredKind::kResult, layer.bytes);
        op("forward cheap" + suffix, {layer.heavy}, {layer.output}, 3 * bytes);
        current = layer.output;
        layer.skip = -1;
        if (shape.skip_every > 0 && i % shape.skip_every == shape.skip_every - 1) {
            const std::int32_t sum = add("sum" + suffix, LoweredKind::kResult, layer.bytes);
            op("add" + suffix, {current, skip}, {sum}, 2 * bytes);
            layer.skip = skip;
            skip = current = sum;
        }
        layers.push_back(layer);
    }
    std::int32_t gradient = add("loss gradient", LoweredKind::kResult, layers.back().bytes);
    const std::int32_t loss = add("loss", LoweredKind::kResult, 64);
    program.tensors[static_cast<std::size_t>(loss)].is_output = true;
    op("loss", {current}, {gradient, loss}, static_cast<double>(layers.back().bytes));
    std::vector<std::int32_t> weight_gradients(layers.size());
    std::int32_t skipped_gradient = -1;
    for (int i = shape.layers - 1; i >= 0; --i) {
        const Layer& layer = layers[static_cast<std::size_t>(i)];
        const std::string suffix = std::to_string(i);
        const auto bytes = static_cast<double>(layer.bytes);
        if (layer.skip >= 0) {
            if (skipped_gradient >= 0) {
                const std::int32_t sum = add("gradient sum" + suffix, LoweredKind::kResult, layer.bytes);
                op("add gradients" + suffix, {gradient, skipped_gradient}, {sum}, 2 * bytes);
                gradient = sum;
            }
            skipped_gradient = gradient;
        }
        const std::int32_t heavy_gradient = add("gradient heavy" + suffix, LoweredKind::kResult, layer.bytes);
        op("backward cheap" + suffix, {layer.heavy, gradient}, {heavy_gradient}, 4 * bytes);
        weight_gradients[static_cast<std::size_t>(i)] =
            add("weight gradient" + suffix, LoweredKind::kResult, shape.weight_bytes);
        op("backward weight" + suffix, {layer.input, heavy_gradient}, {weight_gradients[static_cast<std::size_t>(i)]},
           heavy_flops);
        if (i == 0) break;
        gradient = add("gradient" + suffix, LoweredKind::kResult,
                       program.tensors[static_cast<std::size_t>(layer.input)].bytes);
        op("backward data" + suffix, {layer.weight, heavy_gradient}, {gradient}, heavy_flops);
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
        std::vector<std::int32_t> reads = {weight_gradients[i], layers[i].weight};
        std::vector<std::int32_t> writes = {layers[i].weight};
        if (shape.optimizer_state)
            for (const char* name : {"m", "v"}) {
                writes.push_back(add(name + std::to_string(i), LoweredKind::kVariable, shape.weight_bytes));
                reads.push_back(writes.back());
            }
        op("update" + std::to_string(i), reads, writes, 6 * static_cast<double>(shape.weight_bytes));
    }
    return program;
}

std::vector<double> op_seconds_at_ratio(const LoweredProgram& program, const LinkModel& link, double ratio) {
    double flops = 0;
    double bytes = 0;
    for (const LoweredOp& op : program.ops)
        flops += op.flops + 1;
    for (const LoweredTensor& tensor : program.tensors)
        if (tensor.kind != LoweredKind::kVariable && tensor.kind != LoweredKind::kConstant)
            bytes += static_cast<double>(tensor.bytes);
    const double step = ratio * bytes / link.in_bytes_per_second;
    std::vector<double> seconds;
    for (const LoweredOp& op : program.ops)
        seconds.push_back(step * (op.flops + 1) / flops);
    return seconds;
}

}  // namespace tensile
