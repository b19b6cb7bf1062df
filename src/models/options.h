// Hyper-parameters: declared once per method, and this declaration drives validation, tensile.methods and the
// reference. Knows nothing of any particular model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tensile {

enum class OptionType : std::uint8_t {
    kInteger,
    kReal,
    kBoolean,
    kChoice,
    kIntegerArray,
    kText,
    kTextArray,
    kTextMap,  // a JSON object of text to text
};

struct OptionDeclaration {
    std::string_view name;
    OptionType type;
    std::string_view default_json;       // "0.001", "[128, 64]", "\"adam\""
    std::optional<double> minimum = {};  // inclusive; of each element for arrays
    std::optional<double> maximum = {};  // inclusive
    std::vector<std::string_view> choices = {};
    std::string_view help = {};
};

// In the order in which the members were given.
using TextMap = std::vector<std::pair<std::string, std::string>>;
using OptionValue =
    std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>, std::vector<std::string>, TextMap>;

// A complete, validated set: every declared option has a value.
class Options {
  public:
    // Throws Error 22023: unknown option (hint names the nearest and lists all), wrong type, out of range (detail gives
    // the range), malformed JSON.
    static Options parse(std::string_view method, std::span<const OptionDeclaration> declarations,
                         std::string_view json);

    // Whether the method declares it.
    bool has(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    double real(std::string_view name) const;
    bool boolean(std::string_view name) const;
    const std::string& choice(std::string_view name) const;
    const std::vector<std::int64_t>& integers(std::string_view name) const;
    const std::string& text(std::string_view name) const;
    const std::vector<std::string>& texts(std::string_view name) const;
    const TextMap& text_map(std::string_view name) const;

    // Every option with its value, in declaration order; stored in the model's manifest.
    nlohmann::ordered_json to_json() const;

  private:
    std::vector<std::pair<std::string, OptionValue>> values_;
    const OptionValue& at(std::string_view name) const;
};

}  // namespace tensile
