// The programs that the planner is measured with: the networks of models/networks, lowered for the CPU at the size that
// is planned for and never run, and the synthetic programs. Op times are the roofline prior of a given machine. Knows
// nothing of methods and budgets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/lowered.h"
#include "planner/baselines/baselines.h"
#include "planner/cost_model.h"
#include "planner/link_model.h"

namespace tensile::bench {

// 200 Gflop/s and 10 GB/s: about what one core of the machine of docs/benchmarks.md does.
inline constexpr DeviceRates kCpuRates = {2e11, 1e10, 1e-6};
// A GPU of the published evaluation (RTX 2080 Ti: 13.4 Tflop/s, 616 GB/s) at its peak, and its link (PCIe 3.0 x16).
inline constexpr DeviceRates kGpuRates = {1.34e13, 6.16e11, 5e-6};
inline constexpr LinkModel kPcieLink = {1.2e10, 1.2e10, 2.4e10, 1e-5};

struct Workload {
    std::string name;
    LoweredProgram program;
    std::vector<double> op_seconds;  // by lowered op
    double compute_seconds = 0;      // of a step
    double traffic_bytes = 0;        // of inputs and results
    double state_bytes = 0;          // of variables

    // As fast in each direction as brings compute_seconds / (traffic_bytes / bandwidth) to `ratio`.
    LinkModel link(double ratio) const;
    BaselineRequest request(const LinkModel& link) const { return {&program, op_seconds, link}; }
    BaselineRequest request(double ratio) const { return request(link(ratio)); }
};

// Image networks at 16 images of their papers' sizes, Adam; then sequences, tables and matrices.
std::span<const std::string_view> network_names();
std::span<const std::string_view> image_network_names();
// One of network_names(). Throws Error for another name.
Workload network_workload(std::string_view name);
// One of image_network_names() with another batch and for another device.
Workload image_workload(std::string_view name, std::int64_t images, const DeviceRates& rates);
std::vector<Workload> synthetic_workloads();

// Greatest sum of the sizes of all tensors that one op reads and writes.
std::uint64_t greatest_working_set(const LoweredProgram& program);
// Sum of the sizes of all tensors: what a framework needs that frees nothing before the end of a step.
std::uint64_t bytes_without_liveness(const LoweredProgram& program);

}  // namespace tensile::bench
