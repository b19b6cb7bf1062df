// Finds the model family that a manifest names.
#include "engine/served_model.h"

#include <nlohmann/json.hpp>

#include "engine/model_hash.h"
#include "engine/queue_timeout.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Reads a JSON document up to the top-level member "method". A manifest may be large, and the family parses it anyway.
class MethodFinder final : public nlohmann::json::json_sax_t {
  public:
    std::string take_method() { return std::move(method_); }

    bool key(string_t& name) override {
        at_method_ = depth_ == 1 && name == "method";
        return true;
    }
    bool string(string_t& value) override {
        if (!at_method_) return true;
        method_ = std::move(value);
        return false;
    }
    bool start_object(std::size_t) override { return enter(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }
    bool null() override { return !at_method_; }
    bool boolean(bool) override { return !at_method_; }
    bool number_integer(number_integer_t) override { return !at_method_; }
    bool number_unsigned(number_unsigned_t) override { return !at_method_; }
    bool number_float(number_float_t, const string_t&) override { return !at_method_; }
    bool binary(binary_t&) override { return false; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

  private:
    bool enter() {
        ++depth_;
        return !at_method_;
    }
    bool leave() {
        --depth_;
        return true;
    }

    int depth_ = 0;
    bool at_method_ = false;
    std::string method_;
};

}  // namespace

std::unique_ptr<Predictor> predictor_from(std::string_view manifest) {
    MethodFinder finder;
    nlohmann::json::sax_parse(manifest, &finder);
    const std::string method = finder.take_method();
    if (method.empty()) throw Error(sqlstate::kDataCorrupted, "manifest of the model names no method");
    return family_named(method).load(manifest);
}

ServedModel::ServedModel(const ModelKey& key, std::string_view manifest, std::span<const std::byte> weights,
                         HostBudget& budget)
    : label_(short_name(key)) {
    std::unique_ptr<Predictor> predictor = predictor_from(manifest);
    const std::uint64_t host_bytes = predictor->host_weight_bytes();
    if (weights.size() != predictor->weight_bytes() || host_bytes > weights.size())
        throw Error(sqlstate::kDataCorrupted, "stored weights of model \"" + label_ + "\" are damaged",
                    "There are " + std::to_string(weights.size()) + " bytes instead of " +
                        std::to_string(predictor->weight_bytes()) + ".");
    device_bytes_ = weights.size() - host_bytes;
    if (host_bytes > 0) {
        charge_ = budget.charge(host_bytes);
        predictor->take_host_weights(weights.last(host_bytes));
    }
    predictor_ = std::move(predictor);
}

std::shared_ptr<LoadedModel> load_model(const Resources& resources, const ModelKey& key, std::string_view manifest,
                                        std::span<const std::byte> weights, std::int32_t queue_timeout_ms,
                                        const StopFlag& stop) {
    const auto served = [&] { return std::make_unique<ServedModel>(key, manifest, weights, resources.host); };
    std::unique_ptr<ServedModel> model;
    try {
        model = served();
    } catch (const Error& error) {
        if (error.sqlstate() != sqlstate::kOutOfMemory) throw;
        resources.models.forget_idle_models();
        model = served();
    }
    const std::span<const std::byte> on_device = weights.first(model->weight_bytes());
    return resources.models.load(key, std::move(model), on_device, queue_timeout(queue_timeout_ms), &stop);
}

std::shared_ptr<const Predictor> shared_predictor_of(const LoadedModel& model) {
    return static_cast<const ServedModel&>(model.stored()).predictor();
}

const Predictor& predictor_of(const LoadedModel& model) {
    return *static_cast<const ServedModel&>(model.stored()).predictor();
}

}  // namespace tensile
