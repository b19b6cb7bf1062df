// Named arrays one after the other in a run of bytes, each at a multiple of 64, described by JSON: how the host weights
// of a model are stored. Knows no content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

class SectionWriter {
  public:
    // `values` must outlive the writer.
    template <typename T>
    void add(std::string name, std::span<const T> values) {
        static_assert(std::is_trivially_copyable_v<T>);
        add_bytes(std::move(name), std::as_bytes(values));
    }
    template <typename T>
    void add(std::string name, const std::vector<T>& values) {
        add(std::move(name), std::span<const T>(values));
    }
    // Keeps them itself.
    void add_owned(std::string name, std::vector<std::byte> bytes);

    std::uint64_t bytes() const { return bytes_; }
    // [{"name", "offset", "bytes"}, ...]
    nlohmann::ordered_json to_json() const;
    // `out` is of bytes(); what lies between sections is zero.
    void write(std::span<std::byte> out) const;

  private:
    void add_bytes(std::string name, std::span<const std::byte> bytes);

    struct Section {
        std::string name;
        std::uint64_t offset;
        std::span<const std::byte> content;
    };
    std::vector<Section> sections_;
    std::deque<std::vector<std::byte>> owned_;
    std::uint64_t bytes_ = 0;
};

// Bytes that the sections of `json` take. Throws Error XX001 for sections that overlap or are not in order.
std::uint64_t section_bytes(const nlohmann::ordered_json& json);

class SectionReader {
  public:
    // Throws Error XX001 unless `bytes` are as many as `json` says. Both must outlive the reader.
    SectionReader(const nlohmann::ordered_json& json, std::span<const std::byte> bytes);

    std::span<const std::byte> bytes_of(std::string_view name) const;
    // Throws Error XX001 when the section is missing or does not hold `count` elements.
    template <typename T>
    std::vector<T> array(std::string_view name, std::uint64_t count) const {
        static_assert(std::is_trivially_copyable_v<T>);
        const std::span<const std::byte> found = bytes_of(name);
        if (found.size() % sizeof(T) != 0 || found.size() / sizeof(T) != count) reject_size(name);
        std::vector<T> values(count);
        copy(found, values.data());
        return values;
    }

  private:
    [[noreturn]] static void reject_size(std::string_view name);
    static void copy(std::span<const std::byte> from, void* to);

    const nlohmann::ordered_json& json_;
    std::span<const std::byte> bytes_;
};

}  // namespace tensile
