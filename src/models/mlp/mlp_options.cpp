// See mlp_options.h.
#include "models/mlp/mlp_options.h"

#include <algorithm>
#include <string>

#include "models/precision_option.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::size_t kMostLayers = 64;
// Greatest integer up to which JSON numbers, doubles for many programs, are exact.
constexpr double kGreatestSeed = 9007199254740991.0;

// Position of a choice in its declaration is its enumerator.
template <typename Enum>
Enum chosen(const Options& options, std::string_view name) {
    for (const OptionDeclaration& declaration : mlp_option_declarations()) {
        if (declaration.name != name) continue;
        const auto found = std::ranges::find(declaration.choices, options.choice(name));
        return static_cast<Enum>(found - declaration.choices.begin());
    }
    throw InternalError("option \"" + std::string(name) + "\" is not declared");
}

}  // namespace

std::span<const OptionDeclaration> mlp_option_declarations() {
    using enum OptionType;
    static const std::vector<OptionDeclaration> declarations = {
        {"hidden", kIntegerArray, "[128, 64]", 1, 65536, {}, "Units of each hidden layer; [] is a linear model."},
        {"activation",
         kChoice,
         "\"relu\"",
         {},
         {},
         {"relu", "gelu", "silu", "tanh"},
         "Function after each hidden layer."},
        {"normalization",
         kChoice,
         "\"none\"",
         {},
         {},
         {"none", "batch", "layer"},
         "Normalization of each hidden layer, before its activation."},
        {"dropout", kReal, "0.1", 0, 0.95, {}, "Share of each hidden layer's units left out at random in each step."},
        {"epochs", kInteger, "20", 1, 100000, {}, "Passes over the training rows, at most."},
        {"batch_size",
         kInteger,
         "256",
         1,
         1048576,
         {},
         "Rows of a step, at most; an epoch is cut into batches of equal size."},
        {"micro_batches",
         kInteger,
         "1",
         1,
         1024,
         {},
         "Slices a batch is computed in, one after another, to save memory; their gradients are summed into one "
         "update."},
        {"learning_rate", kReal, "0.001", 1e-9, 100, {}, "Step length of the optimizer."},
        {"schedule",
         kChoice,
         "\"cosine\"",
         {},
         {},
         {"constant", "cosine", "linear"},
         "How the learning rate changes: not at all, or falling to 0 at the last epoch."},
        {"warmup_steps", kInteger, "0", 0, 1e9, {}, "Steps in which the learning rate rises from near 0 first."},
        {"optimizer", kChoice, "\"adamw\"", {}, {}, {"sgd", "adam", "adamw"}, "Method of gradient descent."},
        {"momentum", kReal, "0.9", 0, 0.9999, {}, "Momentum of optimizer sgd."},
        {"weight_decay", kReal, "0.0001", 0, 10, {}, "Shrinking of weights: an L2 penalty, or decoupled with adamw."},
        {"clip_norm", kReal, "0.0", 0, 1e9, {}, "Greatest norm of the gradient of a step; 0 sets no limit."},
        {"class_weights",
         kChoice,
         "\"none\"",
         {},
         {},
         {"none", "balanced"},
         "Whether rows of rare classes count more, so that all classes count the same in total."},
        {"loss_regression",
         kChoice,
         "\"squared\"",
         {},
         {},
         {"squared", "huber"},
         "Loss of numeric targets; huber gives outliers less weight."},
        {"embedding_size", kInteger, "0", 0, 1024, {}, "Numbers that stand for a category; 0 chooses by their count."},
        {"max_categories",
         kInteger,
         "10000",
         1,
         10000000,
         {},
         "Most frequent values of a column that are told apart; the rest count as one."},
        {"validation", kReal, "0.1", 0, 0.9, {}, "Share of the rows that is held back to judge the model."},
        {"patience",
         kInteger,
         "5",
         0,
         100000,
         {},
         "Epochs without a lower validation loss after which training stops. The best epoch's weights are kept; with 0 "
         "the last one's. Has no effect without validation rows."},
        precision_option(),
        {"seed", kInteger, "0", 0, kGreatestSeed, {}, "Seed of everything random: split, weights, order, dropout."},
    };
    return declarations;
}

MlpOptions mlp_options(const Options& options) {
    MlpOptions result;
    result.hidden = options.integers("hidden");
    result.activation = chosen<Activation>(options, "activation");
    result.normalization = chosen<Normalization>(options, "normalization");
    result.dropout = options.real("dropout");
    result.huber = options.choice("loss_regression") == "huber";
    result.balanced_classes = options.choice("class_weights") == "balanced";
    result.embedding_size = options.integer("embedding_size");
    result.max_categories = options.integer("max_categories");
    result.epochs = options.integer("epochs");
    result.batch_size = options.integer("batch_size");
    result.micro_batches = options.integer("micro_batches");
    result.learning_rate = options.real("learning_rate");
    result.schedule = chosen<ScheduleKind>(options, "schedule");
    result.warmup_steps = options.integer("warmup_steps");
    result.optimizer.kind = chosen<OptimizerKind>(options, "optimizer");
    result.optimizer.momentum = options.real("momentum");
    result.optimizer.weight_decay = options.real("weight_decay");
    result.optimizer.clip_norm = options.real("clip_norm");
    result.validation = options.real("validation");
    result.patience = options.integer("patience");
    result.seed = static_cast<std::uint64_t>(options.integer("seed"));

    if (result.hidden.size() > kMostLayers)
        throw Error(sqlstate::kInvalidParameterValue, "option \"hidden\" has too many elements",
                    "A network can have at most " + std::to_string(kMostLayers) + " hidden layers.");
    if (result.micro_batches > result.batch_size)
        throw Error(sqlstate::kInvalidParameterValue, "option \"micro_batches\" must not exceed \"batch_size\"",
                    "A batch of " + std::to_string(result.batch_size) + " rows cannot be cut into " +
                        std::to_string(result.micro_batches) + " slices.");
    return result;
}

}  // namespace tensile
