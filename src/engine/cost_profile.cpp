// See cost_profile.h.
#include "engine/cost_profile.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace tensile {

namespace {

using nlohmann::json;

// Four digits say more than a measurement knows.
std::string short_number(double value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 4);
    return {text, end.ptr};
}

json header_of(const DeviceProperties& device) {
    return {{"device", device.kind}, {"instruction_set", device.instruction_set}, {"library", device.kernel_library}};
}

json header_of(const DeviceProperties& device, int threads) {
    json header = header_of(device);
    header["threads"] = threads;
    return header;
}

bool is_of(const json& profile, const json& header) {
    for (const auto& [name, value] : header.items())
        if (!profile.contains(name) || profile[name] != value) return false;
    return true;
}

std::optional<CostFigure> figure_from(const json& entry) {
    if (!entry.is_array() || entry.size() != 5 || !entry[0].is_string() || !entry[3].is_number()) return std::nullopt;
    for (const std::size_t whole : {1U, 2U, 4U})
        if (!entry[whole].is_number_integer()) return std::nullopt;
    // Compared as 64-bit numbers: a greater one must not become a small one.
    const auto flops = entry[1].get<std::int64_t>();
    const auto bytes = entry[2].get<std::int64_t>();
    const auto count = entry[4].get<std::int64_t>();
    constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int32_t>::max();
    for (const std::int64_t value : {flops, bytes, count})
        if (value < 0 || value > kMaxInteger) return std::nullopt;
    return CostFigure{entry[0].get<std::string>(), static_cast<std::int32_t>(flops), static_cast<std::int32_t>(bytes),
                      entry[3].get<double>(), static_cast<std::uint32_t>(count)};
}

// The stored form may be spaced out (jsonb); beyond that nobody wrote it.
json parsed_profile(std::string_view text) {
    if (text.size() > 2 * kMaxProfileBytes) return {};
    return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

constexpr std::string_view kDigits = "0123456789abcdef";

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> bytes_of_hexadecimal(std::string_view text) {
    if (text.empty() || text.size() % 2 != 0) return std::nullopt;
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const std::size_t high = kDigits.find(text[i]);
        const std::size_t low = kDigits.find(text[i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return bytes;
}

// As a member of a JSON object, with a comma behind it; empty without choices.
std::string choices_member(const AlgorithmChoices& choices) {
    if (choices.empty()) return {};
    std::string text = "\"choices\":{";
    bool is_first = true;
    for (const auto& [problem, choice] : choices) {
        const std::string entry = json(problem).dump() + ":\"" + hexadecimal(choice) + "\"";
        if (text.size() + entry.size() + 3 > kMaxChoiceBytes) break;
        if (!std::exchange(is_first, false)) text += ',';
        text += entry;
    }
    return text + "},";
}

}  // namespace

std::string write_cost_profile(const DeviceProperties& device, int threads, std::span<const CostFigure> figures,
                               const AlgorithmChoices& choices) {
    if (figures.empty() && choices.empty()) return {};
    std::string text = header_of(device, threads).dump();
    text.back() = ',';
    text += choices_member(choices);
    text += "\"figures\":[";
    std::size_t written = 0;
    for (const CostFigure& figure : figures) {
        if (written == kMaxProfileFigures) break;
        std::string entry = "[" + json(figure.kind).dump() + "," + std::to_string(figure.flops_bucket) + "," +
                            std::to_string(figure.bytes_bucket) + "," + short_number(figure.ratio) + "," +
                            std::to_string(figure.count) + "]";
        constexpr std::size_t kClosingBytes = 3;
        if (text.size() + entry.size() + kClosingBytes > kMaxProfileBytes) break;
        if (written++ > 0) text += ',';
        text += entry;
    }
    return text + "]}";
}

std::size_t merge_cost_profile(std::string_view profile, const DeviceProperties& device, int threads,
                               CostModel& model) {
    const json parsed = parsed_profile(profile);
    if (!parsed.is_object() || !is_of(parsed, header_of(device, threads)) || !parsed.contains("figures")) return 0;
    const json& entries = parsed["figures"];
    if (!entries.is_array() || entries.size() > kMaxProfileFigures) return 0;
    std::vector<CostFigure> figures;
    for (const json& entry : entries)
        if (std::optional<CostFigure> figure = figure_from(entry)) figures.push_back(std::move(*figure));
    return model.merge(figures);
}

AlgorithmChoices algorithm_choices_in(std::string_view profile, const DeviceProperties& device) {
    AlgorithmChoices choices;
    const json parsed = parsed_profile(profile);
    if (!parsed.is_object() || !is_of(parsed, header_of(device)) || !parsed.contains("choices")) return choices;
    const json& entries = parsed["choices"];
    if (!entries.is_object()) return choices;
    for (const auto& [problem, choice] : entries.items())
        if (choice.is_string())
            if (auto bytes = bytes_of_hexadecimal(choice.get_ref<const std::string&>()))
                choices.emplace(problem, *std::move(bytes));
    return choices;
}

}  // namespace tensile
