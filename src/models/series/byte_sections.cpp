// See byte_sections.h.
#include "models/series/byte_sections.h"

#include <cstring>

namespace tensile {

namespace {

constexpr std::uint64_t kAlignment = 64;

std::uint64_t aligned(std::uint64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

[[noreturn]] void reject(const std::string& detail) {
    throw Error(sqlstate::kDataCorrupted, "stored weights do not match the model's description", detail);
}

}  // namespace

void SectionWriter::add_bytes(std::string name, std::span<const std::byte> bytes) {
    sections_.push_back({std::move(name), bytes_, bytes});
    bytes_ = aligned(bytes_ + bytes.size());
}

void SectionWriter::add_owned(std::string name, std::vector<std::byte> bytes) {
    add_bytes(std::move(name), owned_.emplace_back(std::move(bytes)));
}

nlohmann::ordered_json SectionWriter::to_json() const {
    auto json = nlohmann::ordered_json::array();
    for (const Section& section : sections_)
        json.push_back({{"name", section.name}, {"offset", section.offset}, {"bytes", section.content.size()}});
    return json;
}

void SectionWriter::write(std::span<std::byte> out) const {
    if (out.size() != bytes_) throw InternalError("sections are written to a place of another size");
    std::uint64_t end = 0;
    for (const Section& section : sections_) {
        std::memset(out.data() + end, 0, section.offset - end);
        if (!section.content.empty())
            std::memcpy(out.data() + section.offset, section.content.data(), section.content.size());
        end = section.offset + section.content.size();
    }
    std::memset(out.data() + end, 0, bytes_ - end);
}

std::uint64_t section_bytes(const nlohmann::ordered_json& json) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
    std::uint64_t end = 0;
    for (const auto& section : json) {
        const auto offset = section.at("offset").get<std::uint64_t>();
        const auto bytes = section.at("bytes").get<std::uint64_t>();
        if (offset != end || bytes > kMost - end) reject("Section " + section.at("name").dump() + " is out of place.");
        end = aligned(offset + bytes);
    }
    return end;
}

SectionReader::SectionReader(const nlohmann::ordered_json& json, std::span<const std::byte> bytes)
    : json_(json), bytes_(bytes) {
    if (const std::uint64_t wanted = section_bytes(json); wanted != bytes.size())
        reject("There are " + std::to_string(bytes.size()) + " bytes instead of " + std::to_string(wanted) + ".");
}

std::span<const std::byte> SectionReader::bytes_of(std::string_view name) const {
    for (const auto& section : json_)
        if (section.at("name").get_ref<const std::string&>() == name)
            return bytes_.subspan(section.at("offset").get<std::uint64_t>(), section.at("bytes").get<std::uint64_t>());
    reject("Section \"" + std::string(name) + "\" is missing.");
}

void SectionReader::reject_size(std::string_view name) {
    reject("Section \"" + std::string(name) + "\" is of another size than the table.");
}

void SectionReader::copy(std::span<const std::byte> from, void* to) {
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

}  // namespace tensile
