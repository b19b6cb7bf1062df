// See target_encoding.h.
#include "models/table/target_encoding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "models/table/category_encoding.h"
#include "models/table/moments.h"
#include "models/table/row_collector.h"
#include "models/table/table_encoding.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMostClasses = 10'000;
constexpr std::string_view kKinds[] = {"regression", "binary", "multiclass"};

bool is_integer(RawType type) {
    return type == RawType::kI32 || type == RawType::kI64;
}

std::string print(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", value);
    return text;
}

// Calls visit(row, value) for every stored row, NaN for NULL.
template <typename Visit>
void for_each_number(const ColumnStore& column, const std::atomic<bool>* stop, Visit visit) {
    std::size_t row = 0;
    for_each_chunk(column, stop, [&](std::int64_t index) {
        const RawColumn chunk = column.chunk(index);
        for (std::int64_t i = 0; i < column.rows_in(index); ++i, ++row)
            visit(row, chunk.type == RawType::kF32 ? static_cast<double>(chunk.as<float>()[i]) : chunk.as<double>()[i]);
    });
}

[[noreturn]] void reject_empty(const ColumnStore& column) {
    throw Error(sqlstate::kInvalidParameterValue,
                "target column \"" + column.description().name + "\" has no value in any row",
                "Every row holds NULL, NaN or infinity there.",
                "Choose another target, or a query that returns rows in which it is known.");
}

[[noreturn]] void reject_constant(const ColumnStore& column, const std::string& value) {
    throw Error(sqlstate::kInvalidParameterValue,
                "target column \"" + column.description().name + "\" has only one distinct value",
                "Every row that has a value holds \"" + value + "\", so there is nothing to learn.",
                "Choose another target, or a query that returns rows in which it varies.");
}

}  // namespace

std::string_view name_of(TaskKind kind) {
    return kKinds[static_cast<std::size_t>(kind)];
}

TargetEncoding TargetEncoding::fit(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                   const std::atomic<bool>* stop) {
    TargetEncoding target;
    target.description_ = column.description();
    if (column.holds_codes()) {
        target.fit_labels(column, stop);
    } else {
        target.fit_numbers(column, is_training, stop);
    }
    return target;
}

void TargetEncoding::fit_numbers(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                 const std::atomic<bool>* stop) {
    std::int64_t present = 0;
    double least = 0;
    double greatest = 0;
    bool only_zero_and_one = is_integer(column.raw_type());
    for_each_number(column, stop, [&](std::size_t, double value) {
        if (!std::isfinite(value)) return;
        least = present == 0 ? value : std::min(least, value);
        greatest = present == 0 ? value : std::max(greatest, value);
        only_zero_and_one = only_zero_and_one && (value == 0 || value == 1);
        ++present;
    });
    if (present == 0) reject_empty(column);
    if (least == greatest) reject_constant(column, print(least));

    if (only_zero_and_one) {
        kind_ = TaskKind::kBinary;
        labels_ = {"0", "1"};
        class_counts_.assign(2, 0);
        for_each_number(column, stop, [&](std::size_t row, double value) {
            if (std::isfinite(value)) class_counts_[value == 1 ? 1 : 0] += is_training[row];
        });
        return;
    }
    const Moments moments = moments_of([&](auto visit) {
        for_each_number(column, stop, [&](std::size_t row, double value) {
            if (is_training[row] != 0) visit(value);
        });
    });
    if (!std::isfinite(moments.deviation))
        throw Error(sqlstate::kNumericValueOutOfRange,
                    "values of target column \"" + description_.name + "\" are too far apart to be learned",
                    "They range from " + print(least) + " to " + print(greatest) + ".", "Transform the target first.");
    mean_ = moments.mean;
    deviation_ = moments.deviation > 0 ? moments.deviation : 1;
}

void TargetEncoding::fit_labels(const ColumnStore& column, const std::atomic<bool>* stop) {
    const TextDictionary& dictionary = column.dictionary();
    std::vector<bool> occurs(dictionary.size(), false);
    for_each_chunk(column, stop, [&](std::int64_t index) {
        const std::uint32_t* codes = column.codes(index);
        for (std::int64_t i = 0; i < column.rows_in(index); ++i)
            if (codes[i] != kNullCode) occurs[codes[i]] = true;
    });
    for (std::uint32_t id = 0; id < occurs.size(); ++id)
        if (occurs[id]) labels_.emplace_back(dictionary.text(id));
    if (labels_.empty()) reject_empty(column);
    if (labels_.size() == 1) reject_constant(column, labels_[0]);
    if (labels_.size() > kMostClasses)
        throw Error(sqlstate::kInvalidParameterValue,
                    "target column \"" + description_.name + "\" has too many distinct values",
                    "It has " + std::to_string(labels_.size()) + "; a classification can have at most " +
                        std::to_string(kMostClasses) + " classes.",
                    "Group the values, or cast the column to a number to predict it as one.");
    std::ranges::sort(labels_);
    for (const std::string& label : labels_)
        require_utf8(label, description_.name);
    kind_ = labels_.size() == 2 ? TaskKind::kBinary : TaskKind::kMulticlass;

    class_counts_.assign(labels_.size(), 0);
    for (std::uint32_t id = 0; id < occurs.size(); ++id)
        if (occurs[id])
            class_counts_[static_cast<std::size_t>(class_of(dictionary.text(id)))] = column.training_counts()[id];
}

double TargetEncoding::class_of(std::string_view label) const {
    const auto found =
        std::ranges::lower_bound(labels_, label, {}, [](const std::string& text) { return std::string_view(text); });
    if (found == labels_.end() || *found != label) return kMissing;
    return static_cast<double>(found - labels_.begin());
}

void TargetEncoding::encode(const ColumnStore& column, std::int64_t index, float* out) const {
    const std::int64_t rows = column.rows_in(index);
    if (column.holds_codes()) {
        std::vector<float> classes(column.dictionary().size());
        for (std::uint32_t id = 0; id < classes.size(); ++id)
            classes[id] = static_cast<float>(class_of(column.dictionary().text(id)));
        const std::uint32_t* codes = column.codes(index);
        for (std::int64_t i = 0; i < rows; ++i)
            out[i] = codes[i] == kNullCode ? static_cast<float>(kMissing) : classes[codes[i]];
        return;
    }
    const RawColumn chunk = column.chunk(index);
    for (std::int64_t i = 0; i < rows; ++i) {
        const double value =
            chunk.type == RawType::kF32 ? static_cast<double>(chunk.as<float>()[i]) : chunk.as<double>()[i];
        out[i] = static_cast<float>(!std::isfinite(value)            ? kMissing
                                    : kind_ == TaskKind::kRegression ? (value - mean_) / deviation_
                                                                     : value);
    }
}

double TargetEncoding::value(const RawRows& rows, const RawColumn& column, std::int64_t row) const {
    if (!is_present(column, row)) return kMissing;
    double number = 0;
    switch (column.type) {
    case RawType::kText:
        return class_of(rows.text(column, row));
    case RawType::kBool:
        return class_of(column.as<std::uint8_t>()[row] != 0 ? "true" : "false");
    case RawType::kF32:
        number = static_cast<double>(column.as<float>()[row]);
        break;
    case RawType::kF64:
        number = column.as<double>()[row];
        break;
    case RawType::kI32:
        number = column.as<std::int32_t>()[row];
        break;
    case RawType::kI64:
        number = static_cast<double>(column.as<std::int64_t>()[row]);
        break;
    default:
        return kMissing;
    }
    if (kind_ == TaskKind::kRegression || number == 0 || number == 1) return number;
    return kMissing;
}

Json TargetEncoding::to_json() const {
    Json json = describe_column(description_);
    json["kind"] = name_of(kind_);
    if (kind_ == TaskKind::kRegression) {
        json["mean"] = mean_;
        json["deviation"] = deviation_;
    } else {
        json["labels"] = labels_;
        json["training_rows"] = class_counts_;
    }
    return json;
}

TargetEncoding TargetEncoding::from_json(const Json& json) {
    TargetEncoding target;
    target.description_ = column_from_json(json);
    const auto* kind = std::ranges::find(kKinds, json.at("kind").get_ref<const std::string&>());
    if (kind == std::end(kKinds)) throw Error(sqlstate::kDataCorrupted, "model has a task of unknown kind");
    target.kind_ = static_cast<TaskKind>(kind - std::begin(kKinds));
    if (target.kind_ == TaskKind::kRegression) {
        target.mean_ = json.at("mean").get<double>();
        target.deviation_ = json.at("deviation").get<double>();
        return target;
    }
    target.labels_ = json.at("labels").get<std::vector<std::string>>();
    target.class_counts_ = json.at("training_rows").get<std::vector<std::int64_t>>();
    const bool consistent =
        target.labels_.size() == target.class_counts_.size() &&
        (target.kind_ == TaskKind::kBinary ? target.labels_.size() == 2 : target.labels_.size() > 2) &&
        std::ranges::is_sorted(target.labels_);
    if (!consistent)
        throw Error(sqlstate::kDataCorrupted,
                    "model describes task \"" + target.description_.name + "\" inconsistently");
    return target;
}

}  // namespace tensile
