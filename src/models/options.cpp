// Parsing and checking of hyper-parameters; see options.h.
#include "models/options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

// 0.001, 256, 1e-08: as a person would write it.
std::string print(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.10g", value);
    return text;
}

std::string_view describe(OptionType type) {
    switch (type) {
    case OptionType::kInteger:
        return "an integer";
    case OptionType::kReal:
        return "a number";
    case OptionType::kBoolean:
        return "true or false";
    case OptionType::kChoice:
        return "a string";
    case OptionType::kIntegerArray:
        return "an array of integers";
    case OptionType::kText:
        return "a string";
    case OptionType::kTextArray:
        return "an array of strings";
    case OptionType::kTextMap:
        return "an object whose values are strings";
    }
    return "?";
}

// Levenshtein's distance: how many letters must be inserted, deleted or replaced.
std::size_t edit_distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t above = row[j];
            const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
            row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
            diagonal = above;
        }
    }
    return row.back();
}

// The only name that is close enough to be what was meant; empty when none is.
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates) {
    std::string_view best;
    std::size_t best_distance = name.size() / 2 + 1;
    for (std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string list_of(std::span<const std::string_view> names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
        text += in_quotes(names[i]);
    }
    return text;
}

[[noreturn]] void reject_unknown(std::string_view method, std::span<const OptionDeclaration> declarations,
                                 const std::string& name) {
    std::vector<std::string_view> names;
    for (const OptionDeclaration& declaration : declarations)
        names.push_back(declaration.name);
    std::string hint;
    if (const std::string_view meant = nearest(name, names); !meant.empty())
        hint = "Perhaps you meant " + in_quotes(meant) + ". ";
    hint += "The options are " + list_of(names) + ".";
    throw Error(sqlstate::kInvalidParameterValue,
                "unrecognized option " + in_quotes(name) + " for method " + in_quotes(method), {}, hint);
}

// Checks one value against one declaration.
class Check {
  public:
    explicit Check(const OptionDeclaration& declaration) : declaration_(declaration) {}

    OptionValue convert(const Json& json) const {
        switch (declaration_.type) {
        case OptionType::kInteger:
            return integer(json);
        case OptionType::kReal:
            if (!json.is_number()) reject_type(json);
            require_range(json.get<double>());
            return json.get<double>();
        case OptionType::kBoolean:
            if (!json.is_boolean()) reject_type(json);
            return json.get<bool>();
        case OptionType::kChoice:
            return choice(json);
        case OptionType::kIntegerArray: {
            if (!json.is_array()) reject_type(json);
            std::vector<std::int64_t> elements;
            for (const Json& element : json)
                elements.push_back(integer(element));
            return elements;
        }
        case OptionType::kText:
            return text(json, json);
        case OptionType::kTextArray: {
            if (!json.is_array()) reject_type(json);
            std::vector<std::string> elements;
            for (const Json& element : json)
                elements.push_back(text(element, json));
            return elements;
        }
        case OptionType::kTextMap: {
            if (!json.is_object()) reject_type(json);
            TextMap members;
            for (const auto& [key, value] : json.items())
                members.emplace_back(key, text(value, json));
            return members;
        }
        }
        throw InternalError("option \"" + std::string(declaration_.name) + "\" has an unknown type");
    }

  private:
    std::int64_t integer(const Json& json) const {
        // 20.0 is the integer 20: JSON does not tell numbers apart.
        if (json.is_number_float()) {
            const double value = json.get<double>();
            if (value != std::floor(value)) reject_type(json);
            require_range(value);
            return static_cast<std::int64_t>(value);
        }
        if (!json.is_number_integer()) reject_type(json);
        require_range(json.get<double>());
        return json.get<std::int64_t>();
    }

    // `whole` is what an error shows.
    std::string text(const Json& json, const Json& whole) const {
        if (!json.is_string()) reject_type(whole);
        return json.get<std::string>();
    }

    std::string choice(const Json& json) const {
        if (!json.is_string()) reject_type(json);
        auto value = json.get<std::string>();
        if (std::ranges::find(declaration_.choices, value) != declaration_.choices.end()) return value;
        std::string hint;
        if (const std::string_view meant = nearest(value, declaration_.choices); !meant.empty())
            hint = "Perhaps you meant " + in_quotes(meant) + ".";
        throw Error(sqlstate::kInvalidParameterValue,
                    "invalid value for option " + in_quotes(declaration_.name) + ": " + in_quotes(value),
                    "Allowed values are " + list_of(declaration_.choices) + ".", hint);
    }

    void require_range(double value) const {
        const bool too_small = declaration_.minimum && !(value >= *declaration_.minimum);
        const bool too_great = declaration_.maximum && !(value <= *declaration_.maximum);
        if (!too_small && !too_great && std::isfinite(value)) return;
        throw Error(sqlstate::kInvalidParameterValue,
                    "value " + print(value) + " is out of range for option " + in_quotes(declaration_.name), range());
    }

    std::string range() const {
        const std::string subject = declaration_.type == OptionType::kIntegerArray ? "Each element" : "The value";
        if (declaration_.minimum && declaration_.maximum)
            return subject + " must be between " + print(*declaration_.minimum) + " and " +
                   print(*declaration_.maximum) + ".";
        if (declaration_.minimum) return subject + " must be at least " + print(*declaration_.minimum) + ".";
        if (declaration_.maximum) return subject + " must be at most " + print(*declaration_.maximum) + ".";
        return subject + " must be finite.";
    }

    [[noreturn]] void reject_type(const Json& json) const {
        std::string found = json.dump(-1, ' ', false, Json::error_handler_t::replace);
        if (found.size() > 100) found = found.substr(0, 100) + "...";
        throw Error(sqlstate::kInvalidParameterValue,
                    "invalid value for option " + in_quotes(declaration_.name) + ": " + found,
                    "The value must be " + std::string(describe(declaration_.type)) + ".",
                    "An example is {" + in_quotes(declaration_.name) + ": " + example() + "}.");
    }

    // The default, where it shows anything.
    std::string example() const {
        switch (declaration_.type) {
        case OptionType::kText:
            return "\"text\"";
        case OptionType::kTextArray:
            return "[\"text\"]";
        case OptionType::kTextMap:
            return "{\"text\": \"text\"}";
        default:
            return std::string(declaration_.default_json);
        }
    }

    const OptionDeclaration& declaration_;
};

// Objects with a key twice are refused: which value was meant cannot be known.
Json parse_object(std::string_view method, std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Json::object();
    std::vector<std::string> names;    // of options
    std::vector<std::string> members;  // of the object that is the value of the last one
    std::string repeated;
    const auto note_key = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (event != Json::parse_event_t::key || depth > 2) return true;
        const auto& key = parsed.get_ref<const std::string&>();
        if (depth == 1) members.clear();
        std::vector<std::string>& keys = depth == 1 ? names : members;
        if (std::ranges::find(keys, key) != keys.end() && repeated.empty())
            repeated = depth == 1 ? "option " + in_quotes(key)
                                  : "member " + in_quotes(key) + " of option " + in_quotes(names.back());
        keys.push_back(key);
        return true;
    };
    Json json;
    try {
        json = Json::parse(text, note_key);
    } catch (const Json::parse_error& error) {
        throw Error(sqlstate::kInvalidParameterValue, "options of method " + in_quotes(method) + " are not valid JSON",
                    "The JSON text is malformed at character " + std::to_string(error.byte) + ".",
                    "Write options as a JSON object, such as {\"epochs\": 20}.");
    }
    if (!json.is_object())
        throw Error(sqlstate::kInvalidParameterValue,
                    "options of method " + in_quotes(method) + " must be a JSON object",
                    "Found a JSON " + std::string(json.type_name()) + ".",
                    "Write options as a JSON object, such as {\"epochs\": 20}.");
    if (!repeated.empty()) throw Error(sqlstate::kInvalidParameterValue, repeated + " is given more than once");
    return json;
}

}  // namespace

Options Options::parse(std::string_view method, std::span<const OptionDeclaration> declarations,
                       std::string_view json) {
    const Json given = parse_object(method, json);
    for (const auto& [name, value] : given.items())
        if (std::ranges::find(declarations, name, &OptionDeclaration::name) == declarations.end())
            reject_unknown(method, declarations, name);

    Options options;
    for (const OptionDeclaration& declaration : declarations) {
        const std::string name(declaration.name);
        const auto found = given.find(name);
        const Json value = found != given.end() ? *found : Json::parse(declaration.default_json);
        options.values_.emplace_back(name, Check(declaration).convert(value));
    }
    return options;
}

bool Options::has(std::string_view name) const {
    return std::ranges::find(values_, name, [](const auto& value) { return std::string_view(value.first); }) !=
           values_.end();
}

const OptionValue& Options::at(std::string_view name) const {
    for (const auto& [key, value] : values_)
        if (key == name) return value;
    throw InternalError("no option is named \"" + std::string(name) + "\"");
}

std::int64_t Options::integer(std::string_view name) const {
    return std::get<std::int64_t>(at(name));
}

double Options::real(std::string_view name) const {
    return std::get<double>(at(name));
}

bool Options::boolean(std::string_view name) const {
    return std::get<bool>(at(name));
}

const std::string& Options::choice(std::string_view name) const {
    return std::get<std::string>(at(name));
}

const std::vector<std::int64_t>& Options::integers(std::string_view name) const {
    return std::get<std::vector<std::int64_t>>(at(name));
}

const std::string& Options::text(std::string_view name) const {
    return std::get<std::string>(at(name));
}

const std::vector<std::string>& Options::texts(std::string_view name) const {
    return std::get<std::vector<std::string>>(at(name));
}

const TextMap& Options::text_map(std::string_view name) const {
    return std::get<TextMap>(at(name));
}

Json Options::to_json() const {
    Json json = Json::object();
    for (const auto& [name, value] : values_) {
        Json& member = json[name];
        if (const auto* map = std::get_if<TextMap>(&value)) {
            member = Json::object();
            for (const auto& [key, text] : *map)
                member[key] = text;
            continue;
        }
        std::visit(
            [&member](const auto& held) {
                if constexpr (!std::is_same_v<std::decay_t<decltype(held)>, TextMap>) member = held;
            },
            value);
    }
    return json;
}

}  // namespace tensile
