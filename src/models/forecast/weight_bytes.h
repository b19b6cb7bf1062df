// Host weights of a closed form as bytes: plain arrays one after the other, in the order that they are written. Knows
// no model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "tensor/error.h"

namespace tensile {

class WeightWriter {
  public:
    template <typename Value>
    void write(std::span<const Value> values) {
        static_assert(std::is_arithmetic_v<Value>);
        append(values.size());
        const auto bytes = std::as_bytes(values);
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    template <typename Value>
    void write(const std::vector<Value>& values) {
        write(std::span<const Value>(values));
    }
    std::vector<std::byte> take() { return std::move(bytes_); }

  private:
    void append(std::uint64_t number) {
        const auto bytes = std::as_bytes(std::span(&number, 1));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    std::vector<std::byte> bytes_;
};

// Throws Error XX001 for bytes that end too early.
class WeightReader {
  public:
    explicit WeightReader(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <typename Value>
    std::vector<Value> read() {
        std::uint64_t count = 0;
        copy(&count, sizeof count);
        if (count > rest_.size() / sizeof(Value)) reject();
        std::vector<Value> values(count);
        copy(values.data(), count * sizeof(Value));
        return values;
    }

  private:
    void copy(void* to, std::size_t bytes) {
        if (bytes > rest_.size()) reject();
        if (bytes > 0) std::memcpy(to, rest_.data(), bytes);
        rest_ = rest_.subspan(bytes);
    }
    [[noreturn]] static void reject() {
        throw Error(sqlstate::kDataCorrupted, "weights of the forecasting model are too short");
    }
    std::span<const std::byte> rest_;
};

}  // namespace tensile
