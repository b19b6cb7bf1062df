#include "unit/runtime/deep_job.h"

#include <string>
#include <variant>

#include "graph/autodiff.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/matmul.h"
#include "graph/ops/relu.h"
#include "graph/ops/sgd_momentum.h"
#include "graph/ops/squared_error_loss.h"
#include "tensor/random.h"

namespace tensile {

namespace {

struct Parameter {
    std::string name;
    Shape shape;
};

std::vector<Parameter> parameters(const DeepJobOptions& options) {
    std::vector<Parameter> list;
    for (std::int64_t layer = 0; layer < options.layers; ++layer) {
        list.push_back({"layer_" + std::to_string(layer) + "/weight", {options.width, options.width}});
        list.push_back({"layer_" + std::to_string(layer) + "/bias", {options.width}});
    }
    list.push_back({"output/weight", {options.width, 1}});
    return list;
}

Program step_program(const DeepJobOptions& options) {
    ProgramBuilder builder("deep_step");
    const std::int16_t batch = builder.extent("batch");
    const ValueId features =
        builder.input("features", {DType::kF32, Shape::bounded(options.batch, batch, {options.width})});
    const ValueId target = builder.input("targets", {DType::kF32, Shape::bounded(options.batch, batch)});
    const ValueId weight = builder.input("weights", {DType::kF32, Shape::bounded(options.batch, batch)});
    const ValueId learning_rate = builder.input("learning_rate", {DType::kF32, {}});
    const std::vector<Parameter> declared = parameters(options);
    std::vector<ValueId> wrt;
    for (const Parameter& parameter : declared)
        wrt.push_back(builder.variable(parameter.name, {DType::kF32, parameter.shape}));
    ValueId x = features;
    for (std::size_t i = 0; i + 1 < wrt.size(); i += 2)
        x = ops::relu(builder, ops::bias_add(builder, ops::matmul(builder, x, wrt[i]), wrt[i + 1]));
    const ValueId prediction = ops::matmul(builder, x, wrt.back());
    const ValueId loss =
        ops::masked_mean(builder, ops::squared_error_loss(builder, prediction, target, weight), weight);
    builder.output("loss", loss);
    const std::vector<Gradient> slopes = gradients(builder, std::span(&loss, 1), wrt);
    const ops::SgdScalars scalars{learning_rate, builder.constant_scalar(0.9F), builder.constant_scalar(0.0F),
                                  builder.constant_scalar(1.0F)};
    for (std::size_t i = 0; i < wrt.size(); ++i) {
        const ValueId velocity = builder.variable(declared[i].name + "/velocity", {DType::kF32, declared[i].shape});
        ops::sgd_momentum(builder, {wrt[i], velocity}, std::get<ValueId>(slopes[i]), scalars);
    }
    return builder.finish();
}

class DeepDriver final : public Driver {
  public:
    DeepDriver(const DeepJobOptions& options, std::vector<float>& losses) : options_(options), losses_(losses) {}

    std::optional<int> next() override { return step_ == options_.steps ? std::nullopt : std::optional(0); }
    void feed(int, Feeds feeds) override {
        // The last step has a smaller batch.
        rows_ = step_ + 1 == options_.steps ? options_.batch / 3 : options_.batch;
        feeds.extents[0] = rows_;
        *feeds.inputs[3].as<float>() = 0.01F;
    }
    std::int64_t feed_row_count(int) const override { return rows_; }
    void feed_rows(int, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override {
        for (std::int64_t row = begin; row < end; ++row) {
            float sum = 0;
            for (std::int64_t k = 0; k < options_.width; ++k) {
                const auto index = static_cast<std::uint64_t>((step_ * options_.batch + row) * options_.width + k);
                const auto value = static_cast<float>(random_uniform(options_.seed, 9, index) - 0.5);
                feeds.inputs[0].as<float>()[row * options_.width + k] = value;
                sum += value;
            }
            feeds.inputs[1].as<float>()[row] = sum;
            feeds.inputs[2].as<float>()[row] = 1;
        }
    }
    void observe(int, std::span<const TensorView> outputs) override {
        losses_.push_back(*outputs[0].as<float>());
        ++step_;
    }
    std::string save_state() const override { return std::to_string(step_); }
    void restore_state(const std::string& state) override { step_ = std::stoi(state); }

  private:
    DeepJobOptions options_;
    std::vector<float>& losses_;
    std::int64_t step_ = 0;
    std::int64_t rows_ = 0;
};

}  // namespace

Job make_deep_job(const DeepJobOptions& options, std::vector<float>& losses) {
    Job job;
    std::uint64_t stream = 0;
    const std::vector<Parameter> declared = parameters(options);
    for (const Parameter& parameter : declared) {
        Variable variable;
        variable.name = parameter.name;
        variable.type = {DType::kF32, parameter.shape};
        variable.is_weight = true;
        variable.initialize = [stream, seed = options.seed, width = options.width](const TensorView& view) {
            const double scale = 1.0 / static_cast<double>(width);
            for (std::int64_t k = 0; k < view.type.shape.elements(); ++k)
                view.as<float>()[k] =
                    static_cast<float>(scale * random_normal(seed, stream, static_cast<std::uint64_t>(k)));
        };
        ++stream;
        job.variables.push_back(std::move(variable));
    }
    for (const Parameter& parameter : declared) {
        Variable variable;
        variable.name = parameter.name + "/velocity";
        variable.type = {DType::kF32, parameter.shape};
        job.variables.push_back(std::move(variable));
    }
    job.programs.push_back(step_program(options));
    job.driver = std::make_unique<DeepDriver>(options, losses);
    return job;
}

}  // namespace tensile
