// Options: every way to get one wrong has its message.
#include "models/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "models/model_family.h"
#include "tensor/error.h"

namespace tensile {
namespace {

using ::testing::HasSubstr;

const std::vector<OptionDeclaration>& declarations() {
    static const std::vector<OptionDeclaration> list = {
        {"epochs", OptionType::kInteger, "20", 1, 1000, {}, ""},
        {"learning_rate", OptionType::kReal, "0.001", 1e-9, 100, {}, ""},
        {"optimizer", OptionType::kChoice, "\"adam\"", {}, {}, {"sgd", "adam"}, ""},
        {"hidden", OptionType::kIntegerArray, "[128, 64]", 1, 4096, {}, ""},
        {"verbose", OptionType::kBoolean, "false", {}, {}, {}, ""},
        {"least", OptionType::kReal, "0", 0, {}, {}, ""},
        {"step", OptionType::kText, "\"\"", {}, {}, {}, ""},
        {"modes", OptionType::kTextArray, "[]", {}, {}, {}, ""},
        {"graphs", OptionType::kTextMap, "{}", {}, {}, {}, ""},
    };
    return list;
}

Options parse(std::string_view json) {
    return Options::parse("mlp", declarations(), json);
}

Error error_of(std::string_view json) {
    try {
        parse(json);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error for " << json;
    return Error("", "");
}

TEST(Options, DefaultsHoldWhenNothingIsGiven) {
    for (const char* text : {"", "  \n", "{}"}) {
        const Options options = parse(text);
        EXPECT_EQ(options.integer("epochs"), 20);
        EXPECT_EQ(options.real("learning_rate"), 0.001);
        EXPECT_EQ(options.choice("optimizer"), "adam");
        EXPECT_EQ(options.integers("hidden"), (std::vector<std::int64_t>{128, 64}));
        EXPECT_FALSE(options.boolean("verbose"));
    }
}

TEST(Options, GivenValuesAreTakenAndPrintedInTheOrderOfDeclaration) {
    const Options options =
        parse(R"({"hidden": [], "epochs": 7.0, "learning_rate": 1, "optimizer": "sgd", "verbose": true})");
    EXPECT_EQ(
        options.to_json().dump(),
        R"({"epochs":7,"learning_rate":1.0,"optimizer":"sgd","hidden":[],"verbose":true,"least":0.0,"step":"","modes":[],"graphs":{}})");
}

TEST(Options, AnUnknownNameIsRefusedWithTheNearestAndAllOthers) {
    const Error error = error_of(R"({"epoch": 5})");
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(error.message(), "unrecognized option \"epoch\" for method \"mlp\"");
    EXPECT_EQ(error.hint(),
              "Perhaps you meant \"epochs\". The options are \"epochs\", \"learning_rate\", \"optimizer\", \"hidden\", "
              "\"verbose\", \"least\", \"step\", \"modes\" and \"graphs\".");
    EXPECT_THAT(error_of(R"({"frobnicate": 5})").hint(), ::testing::StartsWith("The options are"));
}

TEST(Options, AWrongTypeIsRefusedWithTheRightOne) {
    const Error error = error_of(R"({"epochs": "many"})");
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(error.message(), "invalid value for option \"epochs\": \"many\"");
    EXPECT_EQ(error.detail(), "The value must be an integer.");
    EXPECT_EQ(error.hint(), "An example is {\"epochs\": 20}.");
    for (const char* text : {R"({"epochs": 1.5})", R"({"epochs": null})", R"({"epochs": [1]})", R"({"hidden": 5})",
                             R"({"hidden": [1.5]})", R"({"hidden": ["a"]})", R"({"verbose": 1})", R"({"optimizer": 1})",
                             R"({"learning_rate": "0.1"})", R"({"learning_rate": true})"})
        EXPECT_EQ(error_of(text).sqlstate(), sqlstate::kInvalidParameterValue) << text;
}

TEST(Options, AValueOutOfRangeIsRefusedWithTheRange) {
    EXPECT_EQ(error_of(R"({"epochs": 0})").message(), "value 0 is out of range for option \"epochs\"");
    EXPECT_EQ(error_of(R"({"epochs": 0})").detail(), "The value must be between 1 and 1000.");
    EXPECT_EQ(error_of(R"({"hidden": [5, 9999]})").detail(), "Each element must be between 1 and 4096.");
    EXPECT_EQ(error_of(R"({"least": -1})").detail(), "The value must be at least 0.");
    for (const char* text : {R"({"epochs": 1e300})", R"({"epochs": -9223372036854775808})",
                             R"({"epochs": 18446744073709551615})", R"({"learning_rate": 0})"})
        EXPECT_THAT(error_of(text).message(), HasSubstr("is out of range")) << text;
}

TEST(Options, AChoiceListsWhatIsAllowed) {
    const Error error = error_of(R"({"optimizer": "adma"})");
    EXPECT_EQ(error.message(), "invalid value for option \"optimizer\": \"adma\"");
    EXPECT_EQ(error.detail(), "Allowed values are \"sgd\" and \"adam\".");
    EXPECT_EQ(error.hint(), "Perhaps you meant \"adam\".");
}

TEST(Options, TextThatIsNoObjectIsRefused) {
    EXPECT_EQ(error_of(R"({"epochs": )").message(), "options of method \"mlp\" are not valid JSON");
    EXPECT_EQ(error_of("[1]").detail(), "Found a JSON array.");
    EXPECT_EQ(error_of("20").detail(), "Found a JSON number.");
    EXPECT_EQ(error_of(R"({"epochs": 1, "epochs": 2})").message(), "option \"epochs\" is given more than once");
    EXPECT_EQ(error_of("{\"\xff\": 1}").sqlstate(), sqlstate::kInvalidParameterValue);
}

TEST(Options, TextsListsAndMapsAreTakenAndPrinted) {
    const Options options =
        parse(R"({"step": "1 hour", "modes": ["b", "a"], "graphs": {"b": "s.roads", "a": "\"Lines\""}})");
    EXPECT_EQ(options.text("step"), "1 hour");
    EXPECT_EQ(options.texts("modes"), (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(options.text_map("graphs"), (TextMap{{"b", "s.roads"}, {"a", "\"Lines\""}}));
    EXPECT_THAT(options.to_json().dump(),
                HasSubstr(R"("step":"1 hour","modes":["b","a"],"graphs":{"b":"s.roads","a":"\"Lines\""}})"));
    // What was printed can be parsed again.
    EXPECT_EQ(parse(options.to_json().dump()).to_json(), options.to_json());
}

TEST(Options, TextsListsAndMapsOfOtherTypesAreRefused) {
    EXPECT_EQ(error_of(R"({"step": 60})").detail(), "The value must be a string.");
    EXPECT_EQ(error_of(R"({"step": 60})").hint(), R"(An example is {"step": "text"}.)");
    EXPECT_EQ(error_of(R"({"modes": "a"})").detail(), "The value must be an array of strings.");
    EXPECT_EQ(error_of(R"({"modes": ["a", 1]})").message(), R"(invalid value for option "modes": ["a",1])");
    EXPECT_EQ(error_of(R"({"modes": ["a", 1]})").hint(), R"(An example is {"modes": ["text"]}.)");
    EXPECT_EQ(error_of(R"({"graphs": ["a"]})").detail(), "The value must be an object whose values are strings.");
    EXPECT_EQ(error_of(R"({"graphs": {"a": null}})").hint(), R"(An example is {"graphs": {"text": "text"}}.)");
    EXPECT_EQ(error_of(R"({"graphs": {"a": "x", "b": "y", "a": "z"}})").message(),
              "member \"a\" of option \"graphs\" is given more than once");
    // Each object has members of its own.
    EXPECT_EQ(parse(R"({"graphs": {"step": "x"}, "step": "day"})").text("step"), "day");
}

TEST(Options, EveryDeclaredDefaultOfEveryMethodIsValid) {
    for (const ModelFamily* family : all_families()) {
        const Options options = Options::parse(family->name(), family->options(), "{}");
        for (const OptionDeclaration& declaration : family->options()) {
            EXPECT_FALSE(declaration.help.empty()) << declaration.name;
            EXPECT_TRUE(options.to_json().contains(std::string(declaration.name)));
        }
    }
}

TEST(Families, AnUnknownMethodListsTheKnownOnes) {
    try {
        family_named("mpl");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
        EXPECT_EQ(error.message(), "unrecognized method \"mpl\"");
        EXPECT_THAT(error.hint(), HasSubstr("Available methods: \"mlp\", "));
    }
}

}  // namespace
}  // namespace tensile
