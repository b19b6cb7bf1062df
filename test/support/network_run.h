// Runs the training step of an example network (src/models/networks/) on a device without runtime: variables get their
// initial content, inputs a made-up batch that is a function of a seed.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "models/networks/sequence_network.h"
#include "tensor/random.h"
#include "unit/device/device_run.h"

namespace tensile::test {

class NetworkRun {
  public:
    NetworkRun(Device& device, const TrainingNetwork& network, const LoweringOptions& options = {})
        : network_(network), run_(device, network.program, options) {
        for (const Variable& variable : network.variables)
            variable.initialize(run_.tensor(variable.name));
    }

    // Indices within their bounds, targets 0 or 1, all row weights and masks 1, other numbers between -1 and 1; rows
    // beyond the extent are zero.
    void fill_batch(std::uint64_t seed, std::int64_t extent = -1) {
        for (std::size_t slot = 0; extent >= 0 && slot < network_.program.extents().size(); ++slot)
            run_.set_extent(network_.program.extents()[slot], extent);
        std::uint64_t stream = 0;
        for (ValueId id : network_.program.inputs()) {
            const Value& value = network_.program.value(id);
            const TensorView view = run_.tensor(value.name);
            ++stream;
            if (value.name == "step" || value.name == "random") continue;
            const Shape& shape = value.type.shape;
            const std::int64_t rows = shape.is_bounded() && extent >= 0 ? extent : shape.rows();
            const std::int64_t bound = index_bound(value.name);
            for (std::int64_t i = 0; i < shape.elements(); ++i) {
                const bool present = i / shape.row_width() < rows;
                const double uniform = random_uniform(seed, stream, static_cast<std::uint64_t>(i));
                if (value.type.dtype == DType::kI32)
                    view.as<std::int32_t>()[i] =
                        present ? static_cast<std::int32_t>(uniform * static_cast<double>(bound)) : 0;
                else
                    view.as<float>()[i] = present ? number(value.name, uniform) : 0.0F;
            }
        }
    }

    // One training step; its loss, before the update.
    float step(double learning_rate) {
        network_.optimizer.write_step(run_.tensor("step").as<float>(), learning_rate, steps_, true);
        for (ValueId id : network_.program.inputs()) {
            if (network_.program.value(id).name != "random") continue;
            run_.tensor("random").as<std::int64_t>()[0] = 9;
            run_.tensor("random").as<std::int64_t>()[1] = steps_;
        }
        ++steps_;
        run_.run();
        return *run_.output("loss").as<float>();
    }

    // All variables, one after another.
    std::vector<std::byte> state() {
        std::vector<std::byte> bytes;
        for (const Variable& variable : network_.variables) {
            const TensorView view = run_.tensor(variable.name);
            const auto* begin = static_cast<const std::byte*>(view.data);
            bytes.insert(bytes.end(), begin, begin + view.type.bytes());
        }
        return bytes;
    }

    DeviceRun& device_run() { return run_; }

  private:
    std::int64_t index_bound(const std::string& name) const {
        const auto found = std::ranges::find(network_.index_inputs, name, &IndexInput::name);
        return found == network_.index_inputs.end() ? 1 : found->bound;
    }

    static float number(const std::string& name, double uniform) {
        if (name == "row_weight" || name.starts_with("present_")) return 1;
        if (name == "target") return uniform < 0.5 ? 0.0F : 1.0F;
        return static_cast<float>(2 * uniform - 1);
    }

    const TrainingNetwork& network_;
    DeviceRun run_;
    std::int64_t steps_ = 0;
};

}  // namespace tensile::test
