// Finds the model family that a manifest names.
#include "engine/served_model.h"

#include <nlohmann/json.hpp>

#include "engine/model_hash.h"
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

ServedModel::ServedModel(const ModelKey& key, std::string_view manifest)
    : label_(short_name(key)), predictor_(predictor_from(manifest)) {}

const Predictor& predictor_of(const LoadedModel& model) {
    return static_cast<const ServedModel&>(model.stored()).predictor();
}

}  // namespace tensile
