// Lowered training programs in the shapes of common networks, made of sizes and flops only: what the planner sees of
// them, without their kernels. Op times follow from flops at a fixed rate and bytes at a fixed bandwidth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graph/lowered.h"

namespace tensile::bench {

// Builds forward ops and, in finish(), a backward op per forward op: it reads the gradient of the result and all that
// the forward op read, and writes or adds to the gradients of what it read.
class TrainingProgram {
  public:
    explicit TrainingProgram(std::string name) { program_.name = std::move(name); }

    std::int32_t input(std::uint64_t bytes) { return tensor("input", LoweredKind::kInput, bytes); }
    std::int32_t weight(std::uint64_t bytes) {
        return tensor("weight" + std::to_string(program_.tensors.size()), LoweredKind::kVariable, bytes);
    }
    // `flops_per_byte` of the result and scratch in bytes.
    std::int32_t op(const std::string& name, const std::vector<std::int32_t>& reads, std::uint64_t bytes,
                    double flops_per_byte, std::uint64_t scratch = 0) {
        const std::int32_t result = tensor(name, LoweredKind::kResult, bytes);
        add(name, reads, {result}, flops_per_byte * static_cast<double>(bytes), scratch);
        forward_.push_back({program_.ops.size() - 1, result, scratch});
        return result;
    }

    // Momentum optimizer: one more variable a weight.
    LoweredProgram finish(std::int32_t last) {
        std::vector<std::int32_t> gradient(program_.tensors.size(), -1);
        program_.tensors[static_cast<std::size_t>(last)].is_output = true;
        gradient[static_cast<std::size_t>(last)] = tensor("loss gradient", LoweredKind::kResult, bytes(last));
        add("loss", {last}, {gradient[static_cast<std::size_t>(last)]}, static_cast<double>(bytes(last)), 0);
        const std::size_t forward_tensors = gradient.size();
        std::vector<int> uses_left(forward_tensors);
        for (const Forward& step : forward_)
            for (const std::int32_t read : program_.ops[step.op].reads)
                ++uses_left[static_cast<std::size_t>(read)];
        for (auto step = forward_.rbegin(); step != forward_.rend(); ++step) {
            const LoweredOp op = program_.ops[step->op];
            const std::int32_t incoming = gradient[static_cast<std::size_t>(step->result)];
            for (const std::int32_t read : op.reads) {
                if (static_cast<std::size_t>(read) >= forward_tensors || kind(read) == LoweredKind::kInput) continue;
                std::vector<std::int32_t> reads = op.reads;
                reads.push_back(incoming);
                std::int32_t& target = gradient[static_cast<std::size_t>(read)];
                if (target < 0) {
                    target = tensor("gradient of " + name(read), LoweredKind::kResult, bytes(read));
                } else {
                    reads.push_back(target);  // added in place
                }
                add("backward of " + op.name, reads, {target}, op.flops, step->scratch);
                // Once all of the gradient is there.
                if (--uses_left[static_cast<std::size_t>(read)] > 0 || kind(read) != LoweredKind::kVariable) continue;
                const std::int32_t momentum = tensor("momentum of " + name(read), LoweredKind::kVariable, bytes(read));
                add("update of " + name(read), {target, read, momentum}, {read, momentum},
                    static_cast<double>(bytes(read)), 0);
            }
        }
        return std::move(program_);
    }

  private:
    struct Forward {
        std::size_t op;
        std::int32_t result;
        std::uint64_t scratch;
    };
    LoweredTensor& at(std::int32_t tensor) { return program_.tensors[static_cast<std::size_t>(tensor)]; }
    LoweredKind kind(std::int32_t tensor) { return at(tensor).kind; }
    std::uint64_t bytes(std::int32_t tensor) { return at(tensor).bytes; }
    std::string name(std::int32_t tensor) { return at(tensor).name; }
    std::int32_t tensor(std::string name, LoweredKind kind, std::uint64_t bytes) {
        program_.tensors.push_back({std::move(name), kind, bytes, {}, false});
        return static_cast<std::int32_t>(program_.tensors.size()) - 1;
    }
    void add(std::string name, std::vector<std::int32_t> reads, std::vector<std::int32_t> writes, double flops,
             std::uint64_t scratch) {
        double traffic = 0;
        for (const auto* list : {&reads, &writes})
            for (const std::int32_t one : *list)
                traffic += static_cast<double>(bytes(one));
        if (scratch > 0) writes.push_back(tensor(name + ".scratch", LoweredKind::kScratch, scratch));
        program_.ops.push_back({std::move(name), std::move(reads), std::move(writes), flops, traffic});
    }

    LoweredProgram program_;
    std::vector<Forward> forward_;
};

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// Convolutions and ReLUs; maps shrink, weights grow.
inline LoweredProgram convolution_chain(int layers = 16) {
    TrainingProgram net("convolution chain");
    std::int32_t map = net.input(24 * kMiB);
    for (int i = 0; i < layers; ++i) {
        const std::uint64_t bytes = (32 * kMiB) >> (i * 4 / layers);
        const std::int32_t weight = net.weight((kMiB / 8) << (i * 4 / layers));
        const std::int32_t raw = net.op("conv" + std::to_string(i), {map, weight}, bytes, 300, bytes / 4);
        map = net.op("relu" + std::to_string(i), {raw}, bytes, 0.25);
    }
    return net.finish(net.op("pool", {map}, kMiB, 1));
}

inline LoweredProgram wide_perceptron(int layers = 8) {
    TrainingProgram net("wide perceptron");
    std::int32_t value = net.input(4 * kMiB);
    for (int i = 0; i < layers; ++i) {
        const std::int32_t product =
            net.op("matmul" + std::to_string(i), {value, net.weight(16 * kMiB)}, 4 * kMiB, 2000);
        value = net.op("relu" + std::to_string(i), {product}, 4 * kMiB, 0.25);
    }
    return net.finish(value);
}

inline LoweredProgram transformer(int layers = 6) {
    TrainingProgram net("transformer");
    std::int32_t value = net.input(8 * kMiB);
    for (int i = 0; i < layers; ++i) {
        const std::string suffix = std::to_string(i);
        const std::int32_t query = net.op("query" + suffix, {value, net.weight(kMiB)}, 8 * kMiB, 250);
        const std::int32_t key = net.op("key" + suffix, {value, net.weight(kMiB)}, 8 * kMiB, 250);
        const std::int32_t content = net.op("value" + suffix, {value, net.weight(kMiB)}, 8 * kMiB, 250);
        const std::int32_t scores = net.op("scores" + suffix, {query, key}, 32 * kMiB, 32);
        const std::int32_t share = net.op("softmax" + suffix, {scores}, 32 * kMiB, 2);
        const std::int32_t mixed = net.op("mixed" + suffix, {share, content}, 8 * kMiB, 128);
        const std::int32_t added = net.op("add" + suffix, {mixed, value}, 8 * kMiB, 0.25);
        const std::int32_t wide = net.op("wide" + suffix, {added, net.weight(4 * kMiB)}, 32 * kMiB, 250);
        const std::int32_t active = net.op("gelu" + suffix, {wide}, 32 * kMiB, 3);
        const std::int32_t narrow = net.op("narrow" + suffix, {active, net.weight(4 * kMiB)}, 8 * kMiB, 1000);
        value = net.op("residual" + suffix, {narrow, added}, 8 * kMiB, 0.25);
    }
    return net.finish(value);
}

// One weight for all steps.
inline LoweredProgram recurrent(int steps = 32) {
    TrainingProgram net("recurrent");
    const std::int32_t weight = net.weight(4 * kMiB);
    std::int32_t hidden = net.input(kMiB);
    std::int32_t cell = net.input(kMiB);
    for (int i = 0; i < steps; ++i) {
        const std::string suffix = std::to_string(i);
        const std::int32_t gates = net.op("gates" + suffix, {hidden, weight}, 4 * kMiB, 500);
        cell = net.op("cell" + suffix, {gates, cell}, kMiB, 4);
        hidden = net.op("hidden" + suffix, {gates, cell}, kMiB, 4);
    }
    return net.finish(hidden);
}

// Each layer reads the concatenation of all before it in its block.
inline LoweredProgram dense_blocks(int blocks = 3, int layers = 8) {
    TrainingProgram net("dense blocks");
    std::int32_t map = net.input(8 * kMiB);
    for (int block = 0; block < blocks; ++block) {
        std::uint64_t width = (8 * kMiB) >> block;
        for (int i = 0; i < layers; ++i) {
            const std::string suffix = std::to_string(block) + "." + std::to_string(i);
            const std::uint64_t growth = (2 * kMiB) >> block;
            const std::int32_t raw = net.op("conv" + suffix, {map, net.weight(kMiB / 4)}, growth, 900, growth);
            width += growth;
            map = net.op("concat" + suffix, {map, raw}, width, 0.1);
        }
        map = net.op("transition" + std::to_string(block), {map, net.weight(kMiB / 4)}, (8 * kMiB) >> (block + 1), 300);
    }
    return net.finish(map);
}

inline std::vector<LoweredProgram> synthetic_programs() {
    return {convolution_chain(), wide_perceptron(), transformer(), recurrent(), dense_blocks()};
}

// 1 Tflop/s, 100 GB/s, 5 us an op: only ratios matter.
inline std::vector<double> roofline_seconds(const LoweredProgram& program) {
    std::vector<double> seconds;
    for (const LoweredOp& op : program.ops)
        seconds.push_back(5e-6 + std::max(op.flops / 1e12, op.bytes / 1e11));
    return seconds;
}

}  // namespace tensile::bench
