// Image networks: published numbers of parameters at full size, and training at a fraction of it on the CPU device.
#include "models/networks/image_networks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "device/cpu/cpu_device.h"
#include "tensor/random.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

struct NetworkCase {
    const char* name;
    ImageNetworkTraining (*training)(const ImageNetworkShape&, const OptimizerSettings&);
    std::int64_t parameters;  // at full size, with 1000 classes
    std::int64_t full_pixels;
    std::int64_t few_pixels;
};

// How GoogleTest shows a network.
void PrintTo(const NetworkCase& network, std::ostream* stream) {
    *stream << network.name;
}

class ImageNetwork : public ::testing::TestWithParam<NetworkCase> {
  protected:
    static ImageNetworkTraining small(const OptimizerSettings& optimizer) {
        return GetParam().training(
            {.images = 2, .pixels = GetParam().few_pixels, .width = 0.25, .classes = 10, .seed = 1}, optimizer);
    }
};

// A small network bound to buffers, with its initial variables and one batch.
class Trainer {
  public:
    Trainer(CpuDevice& device, const ImageNetworkTraining& training, const OptimizerSettings& settings,
            double learning_rate)
        : training_(training), optimizer_(settings), rate_(learning_rate), run_(device, training.program) {
        for (const Variable& variable : training.variables)
            variable.initialize(run_.tensor(variable.name));
        for (ValueId id : training.program.inputs()) {
            const std::string& name = training.program.value(id).name;
            const TensorView view = run_.tensor(name);
            for (std::int64_t i = 0; i < view.type.shape.elements(); ++i) {
                if (name == "images")
                    view.as<float>()[i] = static_cast<float>(random_normal(5, 0, static_cast<std::uint64_t>(i)));
                if (name == "labels") view.as<std::int32_t>()[i] = static_cast<std::int32_t>(3 * i + 1);
                if (name == "random") view.as<std::int64_t>()[i] = 7;
            }
        }
    }

    double step() {
        for (const char* name : {"step", "decaying_step"}) {
            if (is_absent(name)) continue;
            optimizer_.write_step(run_.tensor(name).as<float>(), rate_, steps_, name == std::string("decaying_step"));
        }
        ++steps_;
        EXPECT_EQ(run_.run(), LaunchStatus::kCompleted);
        EXPECT_TRUE(run_.damaged_guards().empty());
        return static_cast<double>(*run_.output("loss").as<float>());
    }

    std::vector<std::byte> state() {
        std::vector<std::byte> all;
        for (const Variable& variable : training_.variables) {
            const TensorView view = run_.tensor(variable.name);
            const auto* begin = static_cast<const std::byte*>(view.data);
            all.insert(all.end(), begin, begin + view.type.bytes());
        }
        return all;
    }

  private:
    // An input that the program does not have.
    bool is_absent(const std::string& name) const {
        for (ValueId id : training_.program.inputs())
            if (training_.program.value(id).name == name) return false;
        return true;
    }

    const ImageNetworkTraining& training_;
    Optimizer optimizer_;
    double rate_;
    DeviceRun run_;
    std::int64_t steps_ = 0;
};

TEST_P(ImageNetwork, HasThePublishedNumberOfParameters) {
    const ImageNetworkTraining training = GetParam().training({.pixels = GetParam().full_pixels}, {});
    EXPECT_EQ(training.parameter_count(), GetParam().parameters);
    // Every variable of the program is described, once, with its type.
    std::set<std::string> described;
    for (const Variable& variable : training.variables)
        EXPECT_TRUE(described.insert(variable.name).second) << variable.name;
    EXPECT_EQ(described.size(), training.program.variables().size());
    for (ValueId id : training.program.variables())
        EXPECT_TRUE(described.contains(training.program.value(id).name)) << training.program.value(id).name;
}

TEST_P(ImageNetwork, LearnsOneBatch) {
    const OptimizerSettings sgd{.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 1e-4};
    const OptimizerSettings adam{.kind = OptimizerKind::kAdam};
    for (const OptimizerSettings& settings : {sgd, adam}) {
        const bool is_sgd = settings.kind == OptimizerKind::kSgd;
        SCOPED_TRACE(is_sgd ? "SGD" : "Adam");
        const ImageNetworkTraining training = small(settings);
        CpuDevice device(2);
        Trainer trainer(device, training, settings, is_sgd ? 0.005 : 0.001);
        const double first = trainer.step();
        EXPECT_TRUE(std::isfinite(first));
        double last = first;
        for (int step = 1; step < 8; ++step)
            last = trainer.step();
        EXPECT_LT(last, 0.7 * first);
        // Better than not knowing anything of ten classes.
        EXPECT_LT(last, std::log(10.0));
    }
}

TEST_P(ImageNetwork, BitsDoNotDependOnThreads) {
    const OptimizerSettings settings{.kind = OptimizerKind::kSgd};
    const ImageNetworkTraining training = small(settings);
    CpuDevice device(1);
    const auto state_after_two_steps = [&] {
        Trainer trainer(device, training, settings, 0.01);
        trainer.step();
        trainer.step();
        return trainer.state();
    };
    const std::vector<std::byte> alone = state_after_two_steps();
    device.set_threads(2);
    EXPECT_TRUE(state_after_two_steps() == alone);
}

INSTANTIATE_TEST_SUITE_P(Networks, ImageNetwork,
                         ::testing::Values(NetworkCase{"vgg_16", vgg_16_training, 138357544, 224, 64},
                                           NetworkCase{"resnet_50", resnet_50_training, 25557032, 224, 64},
                                           NetworkCase{"inception_v3", inception_v3_training, 23834568, 299, 75},
                                           NetworkCase{"inception_v4", inception_v4_training, 42679816, 299, 107},
                                           NetworkCase{"densenet_121", densenet_121_training, 7978856, 224, 64}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace

}  // namespace tensile::test
