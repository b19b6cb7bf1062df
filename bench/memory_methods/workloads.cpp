#include "memory_methods/workloads.h"

#include <algorithm>
#include <array>
#include <set>

#include "device/cpu/cpu_device.h"
#include "models/networks/image_networks.h"
#include "models/networks/lstm_network.h"
#include "models/networks/tabular_network.h"
#include "models/networks/transformer_network.h"
#include "models/networks/wide_mlp_network.h"
#include "synthetic_programs.h"
#include "tensor/error.h"

namespace tensile::bench {

namespace {

constexpr std::array<std::string_view, 9> kNetworks = {"vgg_16",       "resnet_50",    "inception_v3",
                                                       "inception_v4", "densenet_121", "transformer",
                                                       "lstm",         "wide_mlp",     "tabular"};
constexpr std::size_t kImageNetworks = 5;

Workload workload(std::string name, LoweredProgram program, std::vector<double> op_seconds) {
    Workload made{std::move(name), std::move(program), std::move(op_seconds)};
    for (const double seconds : made.op_seconds)
        made.compute_seconds += seconds;
    for (const LoweredTensor& tensor : made.program.tensors) {
        if (tensor.kind == LoweredKind::kInput || tensor.kind == LoweredKind::kResult)
            made.traffic_bytes += static_cast<double>(tensor.bytes);
        if (tensor.kind == LoweredKind::kVariable) made.state_bytes += static_cast<double>(tensor.bytes);
    }
    return made;
}

Workload lowered_workload(std::string_view name, const Program& program, const DeviceRates& rates) {
    CpuDevice device(1);
    const auto executable = device.lower(program, {.batch_invariant = false, .split_chains = true});
    std::vector<double> op_seconds;
    for (const LoweredOp& op : executable->lowered().ops)
        op_seconds.push_back(tensile::roofline_seconds(rates, op));
    return workload(std::string(name), executable->lowered(), std::move(op_seconds));
}

}  // namespace

LinkModel Workload::link(double ratio) const {
    const double bandwidth = ratio * traffic_bytes / compute_seconds;
    return {bandwidth, bandwidth, 2 * bandwidth, 1e-5};
}

std::span<const std::string_view> network_names() {
    return kNetworks;
}

std::span<const std::string_view> image_network_names() {
    return std::span(kNetworks).first(kImageNetworks);
}

Workload image_workload(std::string_view name, std::int64_t images, const DeviceRates& rates) {
    const ImageNetworkShape shape = {.images = images, .pixels = name.starts_with("inception") ? 299 : 224};
    const OptimizerSettings adam;
    if (name == "vgg_16") return lowered_workload(name, vgg_16_training(shape, adam).program, rates);
    if (name == "resnet_50") return lowered_workload(name, resnet_50_training(shape, adam).program, rates);
    if (name == "inception_v3") return lowered_workload(name, inception_v3_training(shape, adam).program, rates);
    if (name == "inception_v4") return lowered_workload(name, inception_v4_training(shape, adam).program, rates);
    if (name == "densenet_121") return lowered_workload(name, densenet_121_training(shape, adam).program, rates);
    throw Error("22023", "unknown image network " + std::string(name));
}

Workload network_workload(std::string_view name) {
    const auto of = [&](const TrainingNetwork& network) { return lowered_workload(name, network.program, kCpuRates); };
    if (name == "transformer")
        return of(transformer_network({.batch = 16,
                                       .steps = 256,
                                       .vocabulary = 8192,
                                       .layers = 6,
                                       .heads = 8,
                                       .width = 512,
                                       .feed_forward = 2048}));
    if (name == "lstm")
        return of(lstm_network(
            {.batch = 256, .steps = 64, .vocabulary = 8192, .embedding = 256, .layers = 2, .hidden = 512}));
    if (name == "wide_mlp") return of(wide_mlp_network({.batch = 4096, .inputs = 1024, .layers = 6, .width = 2048}));
    if (name == "tabular")
        return of(tabular_network({.batch = 4096, .numbers = 64, .tables = 8, .table_rows = 100000, .width = 512}));
    return image_workload(name, 16, kCpuRates);
}

std::vector<Workload> synthetic_workloads() {
    std::vector<Workload> made;
    for (LoweredProgram& program : synthetic_programs()) {
        std::vector<double> op_seconds = bench::roofline_seconds(program);
        std::string name = program.name;
        made.push_back(workload(std::move(name), std::move(program), std::move(op_seconds)));
    }
    return made;
}

std::uint64_t greatest_working_set(const LoweredProgram& program) {
    std::uint64_t greatest = 0;
    for (const LoweredOp& op : program.ops) {
        std::set<std::int32_t> used(op.reads.begin(), op.reads.end());
        used.insert(op.writes.begin(), op.writes.end());
        std::uint64_t bytes = 0;
        for (const std::int32_t tensor : used)
            bytes += program.tensors[static_cast<std::size_t>(tensor)].bytes;
        greatest = std::max(greatest, bytes);
    }
    return greatest;
}

std::uint64_t bytes_without_liveness(const LoweredProgram& program) {
    std::uint64_t sum = 0;
    for (const LoweredTensor& tensor : program.tensors)
        sum += tensor.bytes;
    return sum;
}

}  // namespace tensile::bench
