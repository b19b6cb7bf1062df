// Trainings of well-known networks as jobs over made-up data, in three sizes, each with the losses of its steps: what
// devices are compared by and measured with. Knows no device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/job.h"

namespace tensile::test {

enum class NetworkScale : std::uint8_t {
    kTiny,   // a step of the reference kernels takes milliseconds
    kSmall,  // a step of a processor does
    kLarge,  // fills a large GPU
};

struct NetworkTraining {
    std::string name;
    std::shared_ptr<void> owner;  // of the job and of what it refers to
    Job* job = nullptr;
    std::shared_ptr<std::vector<float>> losses;  // of the steps so far
    std::int64_t samples = 0;                    // of a step
};

// "mlp", "resnet", "lstm", "transformer", "net3"
std::span<const std::string_view> network_names();

// `steps` training steps. Throws InternalError for a name that is none.
NetworkTraining network_training(std::string_view name, NetworkScale scale, std::int64_t steps);

}  // namespace tensile::test
