// Attributes of a node: the constants that are known when a program is built (a transpose flag, an axis, a rate).
// What may change from step to step (learning rate, step count, random counter, loss weight, mask) is never an
// attribute but an input tensor, so that one compiled program serves every step.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tensor/error.h"

namespace tensile {

using Attribute = std::variant<std::int64_t, double, std::vector<std::int64_t>>;

class Attributes {
  public:
    Attributes() = default;
    Attributes(std::initializer_list<std::pair<std::string, Attribute>> entries) : entries_(entries) {}

    std::int64_t integer(std::string_view name) const { return std::get<std::int64_t>(at(name)); }
    bool flag(std::string_view name) const { return integer(name) != 0; }
    double number(std::string_view name) const { return std::get<double>(at(name)); }
    const std::vector<std::int64_t>& integers(std::string_view name) const {
        return std::get<std::vector<std::int64_t>>(at(name));
    }
    // Adds an attribute that is not there yet.
    void add(std::string name, Attribute value) { entries_.emplace_back(std::move(name), std::move(value)); }
    const std::vector<std::pair<std::string, Attribute>>& entries() const { return entries_; }
    bool operator==(const Attributes&) const = default;

  private:
    const Attribute& at(std::string_view name) const {
        for (const auto& [key, value] : entries_)
            if (key == name) return value;
        throw InternalError("node has no attribute \"" + std::string(name) + "\"");
    }
    std::vector<std::pair<std::string, Attribute>> entries_;
};

}  // namespace tensile
