// Rows of text as the result of a set-returning function: each cell is in the input syntax of its column's SQL type.
// Slow and general, for monitoring. C++: call inside run_cpp().
#pragma once

#include "pg/cpp_only.h"

#include <optional>
#include <string>
#include <vector>

struct FunctionCallInfoBaseData;

namespace tensile {

using TextRow = std::vector<std::optional<std::string>>;  // UTF-8; nothing is NULL

// The names of the columns that the function declares.
class ResultRows {
  public:
    // Prepares the function call to return a materialized set.
    explicit ResultRows(FunctionCallInfoBaseData* call);

    const std::vector<std::string>& columns() const { return columns_; }
    // One cell for each column.
    void append(const std::vector<TextRow>& rows);

  private:
    FunctionCallInfoBaseData* call_;
    std::vector<std::string> columns_;
};

}  // namespace tensile
