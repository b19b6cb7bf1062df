// What is to be predicted: one task a target column. The kind follows from the column:
//   regression   numbers, unless they are integers that are all 0 or 1; learned standardised by the training rows
//   binary       booleans, texts with two distinct values, integers that are all 0 or 1; the positive class is the
//                greater of the two labels in byte order ("true", "1", ...)
//   multiclass   texts with three or more distinct values; classes are labels in byte order
// Every label that any used row holds is a class. A missing target (NULL, NaN, infinity) is not learned from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/table/column_store.h"
#include "models/table/raw_rows.h"
#include "models/table/text_dictionary.h"

namespace tensile {

enum class TaskKind : std::uint8_t { kRegression, kBinary, kMulticlass };

std::string_view name_of(TaskKind kind);

class TargetEncoding {
  public:
    // Throws Error 22023 when there is nothing to learn: no value, or only one distinct value.
    // 57014 when `stop` is set meanwhile.
    static TargetEncoding fit(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                              const std::atomic<bool>* stop = nullptr);
    static TargetEncoding from_json(const nlohmann::ordered_json& json);
    nlohmann::ordered_json to_json() const;

    const ColumnDescription& description() const { return description_; }
    TaskKind kind() const { return kind_; }
    // SQL type of what is predicted.
    std::string type_name() const {
        return kind_ == TaskKind::kRegression ? "double precision" : description_.type_name;
    }
    // Outputs of the network for this task: 1, or the number of classes of a multiclass task.
    std::int64_t outputs() const {
        return kind_ == TaskKind::kMulticlass ? static_cast<std::int64_t>(labels_.size()) : 1;
    }
    std::span<const std::string> labels() const { return labels_; }

    // What the network learns: the standardised number, or the class; NaN when missing. One entry a row of the chunk.
    void encode(const ColumnStore& column, std::int64_t chunk, float* out) const;
    // The value of a row in its own units, or its class; NaN when missing. A label that is no class counts as missing.
    double value(const RawRows& rows, const RawColumn& column, std::int64_t row) const;

    double to_units(double standardised) const { return mean_ + standardised * deviation_; }
    double deviation() const { return deviation_; }
    // Training rows of each class.
    std::span<const std::int64_t> class_counts() const { return class_counts_; }

  private:
    void fit_numbers(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                     const std::atomic<bool>* stop);
    void fit_labels(const ColumnStore& column, const std::atomic<bool>* stop);
    double class_of(std::string_view label) const;

    ColumnDescription description_;
    TaskKind kind_ = TaskKind::kRegression;
    double mean_ = 0;
    double deviation_ = 1;
    std::vector<std::string> labels_;  // in byte order
    std::vector<std::int64_t> class_counts_;
};

}  // namespace tensile
