#include "unit/runtime/linear_job.h"

#include <algorithm>
#include <string>

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
    const char* name;
    Shape shape;
};

std::vector<Parameter> parameters(std::int64_t features) {
    return {{"hidden/weight", {features, kLinearHidden}},
            {"hidden/bias", {kLinearHidden}},
            {"output/weight", {kLinearHidden, 1}}};
}

ValueId forward(ProgramBuilder& builder, ValueId x, std::vector<ValueId>& wrt, std::int64_t features) {
    for (const Parameter& parameter : parameters(features))
        wrt.push_back(builder.variable(parameter.name, {DType::kF32, parameter.shape}));
    const ValueId hidden = ops::relu(builder, ops::bias_add(builder, ops::matmul(builder, x, wrt[0]), wrt[1]));
    return ops::matmul(builder, hidden, wrt[2]);
}

class LinearDriver final : public Driver {
  public:
    LinearDriver(const LinearJobOptions& options, LinearJobLog& log) : options_(options), log_(log) {}

    std::optional<int> next() override {
        if (step_ == options_.steps) return std::nullopt;
        return options_.two_programs && step_ % 5 == 4 ? 1 : 0;
    }

    void feed(int program, Feeds feeds) override {
        const std::int64_t wanted = options_.capacity * (program == 1 ? 4 : 1);
        count_ = std::min(wanted, options_.rows - position_);
        feeds.extents[0] = count_;
        *feeds.inputs[3].as<float>() = 0.01F;
    }

    std::int64_t feed_row_count(int) const override { return count_; }

    void feed_rows(int, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override {
        for (std::int64_t row = begin; row < end; ++row) {
            float sum = 0;
            for (std::int64_t k = 0; k < options_.features; ++k) {
                const auto index = static_cast<std::uint64_t>((position_ + row) * options_.features + k);
                const auto value = static_cast<float>(random_uniform(options_.seed, 9, index) - 0.5);
                feeds.inputs[0].as<float>()[row * options_.features + k] = value;
                sum += value;
            }
            feeds.inputs[1].as<float>()[row] = sum;
            feeds.inputs[2].as<float>()[row] = 1;
        }
    }

    void observe(int, std::span<const TensorView> outputs) override {
        log_.losses.push_back(*outputs[0].as<float>());
        log_.rows_fed.push_back(count_);
        position_ += count_;
        if (position_ == options_.rows) position_ = 0;
        ++step_;
    }

    std::string save_state() const override { return std::to_string(step_) + " " + std::to_string(position_); }
    void restore_state(const std::string& state) override {
        std::size_t end = 0;
        step_ = std::stoi(state, &end);
        position_ = std::stoll(state.substr(end));
    }

  private:
    LinearJobOptions options_;
    LinearJobLog& log_;
    int step_ = 0;
    std::int64_t position_ = 0;
    std::int64_t count_ = 0;
};

}  // namespace

Program linear_step_program(std::int64_t capacity, std::int64_t features) {
    ProgramBuilder builder("step_" + std::to_string(capacity));
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("features", {DType::kF32, Shape::bounded(capacity, batch, {features})});
    const ValueId target = builder.input("targets", {DType::kF32, Shape::bounded(capacity, batch)});
    const ValueId weight = builder.input("weights", {DType::kF32, Shape::bounded(capacity, batch)});
    const ValueId learning_rate = builder.input("learning_rate", {DType::kF32, {}});
    std::vector<ValueId> wrt;
    const ValueId prediction = forward(builder, x, wrt, features);
    const ValueId loss =
        ops::masked_mean(builder, ops::squared_error_loss(builder, prediction, target, weight), weight);
    builder.output("loss", loss);
    const std::vector<Gradient> slopes = gradients(builder, std::span(&loss, 1), wrt);
    const ops::SgdScalars scalars{learning_rate, builder.constant_scalar(0.9F), builder.constant_scalar(0.0F),
                                  builder.constant_scalar(1.0F)};
    const std::vector<Parameter> declared = parameters(features);
    for (std::size_t i = 0; i < wrt.size(); ++i) {
        const ValueId velocity =
            builder.variable(std::string(declared[i].name) + "/velocity", {DType::kF32, declared[i].shape});
        ops::sgd_momentum(builder, {wrt[i], velocity}, std::get<ValueId>(slopes[i]), scalars);
    }
    return builder.finish();
}

Program linear_forward_program(std::int64_t capacity, std::int64_t features) {
    ProgramBuilder builder("forward_" + std::to_string(capacity));
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("features", {DType::kF32, Shape::bounded(capacity, batch, {features})});
    std::vector<ValueId> weights;
    builder.output("prediction", forward(builder, x, weights, features));
    return builder.finish();
}

Job make_linear_job(const LinearJobOptions& options, LinearJobLog& log) {
    Job job;
    std::uint64_t stream = 0;
    for (const Parameter& parameter : parameters(options.features)) {
        ++stream;
        Variable variable;
        variable.name = parameter.name;
        variable.type = {DType::kF32, parameter.shape};
        variable.is_weight = true;
        variable.initialize = [seed = options.seed, stream](const TensorView& view) {
            for (std::int64_t i = 0; i < view.type.shape.elements(); ++i)
                view.as<float>()[i] =
                    static_cast<float>(0.3 * random_normal(seed, stream, static_cast<std::uint64_t>(i)));
        };
        job.variables.push_back(std::move(variable));
        // Without an initializer: the runtime's zeros.
        job.variables.push_back(
            {std::string(parameter.name) + "/velocity", {DType::kF32, parameter.shape}, {}, false, {}});
    }
    job.programs.push_back(linear_step_program(options.capacity, options.features));
    if (options.two_programs) job.programs.push_back(linear_step_program(options.capacity * 4, options.features));
    job.driver = std::make_unique<LinearDriver>(options, log);
    return job;
}

}  // namespace tensile
