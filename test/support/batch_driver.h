// Drives the one program of a network's training (src/models/networks/) over a few made-up batches that come round
// again and again, so that a network can learn them. The batches are made once: feeding a step is a copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/job.h"
#include "models/networks/sequence_network.h"
#include "models/optimizer.h"
#include "tensor/random.h"

namespace tensile::test {

struct BatchOptions {
    OptimizerSettings optimizer;
    double learning_rate = 0.001;
    std::int64_t steps = 1;
    std::int64_t batches = 2;
    // Of integer inputs; those that are not named have `classes`.
    std::vector<IndexInput> index_inputs;
    std::int64_t classes = 2;
};

// Row weights and masks are 1, other numbers lie between -1 and 1. Batches are full.
class BatchDriver final : public Driver {
  public:
    BatchDriver(const Program& program, BatchOptions options)
        : optimizer_(options.optimizer), options_(std::move(options)) {
        std::uint64_t stream = 0;
        for (const ValueId id : program.inputs()) {
            const Value& value = program.value(id);
            inputs_.push_back({value.name, value.type.bytes(), {}});
            ++stream;
            if (is_scalar(value.name)) continue;
            for (std::int64_t batch = 0; batch < options_.batches; ++batch)
                inputs_.back().batches.push_back(make(value, stream, static_cast<std::uint64_t>(batch)));
        }
    }

    std::optional<int> next() override { return step_ == options_.steps ? std::nullopt : std::optional(0); }
    void feed(int, Feeds feeds) override {
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
            const TensorView& view = feeds.inputs[i];
            if (inputs_[i].name == "random") {
                view.as<std::int64_t>()[0] = 7;
                view.as<std::int64_t>()[1] = step_;
            } else if (is_scalar(inputs_[i].name)) {
                optimizer_.write_step(view.as<float>(), options_.learning_rate, step_,
                                      inputs_[i].name == "decaying_step");
            } else if (view.type.shape.is_bounded()) {
                feeds.extents[static_cast<std::size_t>(view.type.shape.extent_slot())] = view.type.shape.rows();
            }
        }
    }
    // Inputs differ in their number of rows: "rows" are equal shares of each.
    std::int64_t feed_row_count(int) const override { return kShares; }
    void feed_rows(int, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override {
        const auto batch = static_cast<std::size_t>(step_ % options_.batches);
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
            if (inputs_[i].batches.empty()) continue;
            const std::size_t from = inputs_[i].bytes * static_cast<std::size_t>(begin) / kShares;
            const std::size_t to = inputs_[i].bytes * static_cast<std::size_t>(end) / kShares;
            std::memcpy(static_cast<std::byte*>(feeds.inputs[i].data) + from, inputs_[i].batches[batch].data() + from,
                        to - from);
        }
    }
    void observe(int, std::span<const TensorView>) override { ++step_; }
    std::string save_state() const override { return std::to_string(step_); }
    void restore_state(const std::string& state) override { step_ = std::stoll(state); }

  private:
    static constexpr std::int64_t kShares = 64;
    struct Input {
        std::string name;
        std::size_t bytes = 0;
        std::vector<std::vector<std::byte>> batches;
    };

    static bool is_scalar(const std::string& name) {
        return name == "step" || name == "decaying_step" || name == "random";
    }
    std::int64_t bound_of(const std::string& name) const {
        const auto found = std::ranges::find(options_.index_inputs, name, &IndexInput::name);
        return found == options_.index_inputs.end() ? options_.classes : found->bound;
    }
    std::vector<std::byte> make(const Value& value, std::uint64_t stream, std::uint64_t batch) const {
        std::vector<std::byte> content(value.type.bytes());
        const bool is_mask = value.name == "row_weight" || value.name.starts_with("present_");
        for (std::int64_t i = 0; i < value.type.shape.elements(); ++i) {
            const double uniform = random_uniform(batch, stream, static_cast<std::uint64_t>(i));
            if (value.type.dtype == DType::kI32)
                reinterpret_cast<std::int32_t*>(content.data())[i] =
                    static_cast<std::int32_t>(uniform * static_cast<double>(bound_of(value.name)));
            else
                reinterpret_cast<float*>(content.data())[i] = is_mask ? 1.0F : static_cast<float>(2 * uniform - 1);
        }
        return content;
    }

    Optimizer optimizer_;
    BatchOptions options_;
    std::vector<Input> inputs_;
    std::int64_t step_ = 0;
};

}  // namespace tensile::test
