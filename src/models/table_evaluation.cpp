// See table_evaluation.h.
#include "models/table_evaluation.h"

#include <cmath>
#include <optional>

#include "models/table/table_encoding.h"

namespace tensile {

TableEvaluation::TableEvaluation(std::span<const TargetEncoding> tasks, std::span<const ColumnDescription> columns)
    : tasks_(tasks) {
    for (const TargetEncoding& task : tasks_) {
        positions_.push_back(find_column(columns, task.description(), "target"));
        scores_.emplace_back(task.kind());
    }
}

void TableEvaluation::add(const PredictionColumns& predictions, const RawRows& rows) {
    for (std::int64_t row = 0; row < rows.count; ++row) {
        const auto i = static_cast<std::size_t>(row);
        bool used = false;
        for (std::size_t task = 0; task < tasks_.size(); ++task) {
            const double truth =
                tasks_[task].value(rows, rows.columns[static_cast<std::size_t>(positions_[task])], row);
            if (std::isnan(truth)) continue;
            used = true;
            const double prediction = predictions.values[task][i];
            switch (tasks_[task].kind()) {
            case TaskKind::kRegression:
                scores_[task].add_number(prediction, truth);
                break;
            case TaskKind::kBinary:
                scores_[task].add_binary(prediction, truth == 1);
                break;
            case TaskKind::kMulticlass: {
                const auto classes = static_cast<std::size_t>(tasks_[task].outputs());
                std::optional<double> probability;
                if (predictions.keep_distributions)
                    probability = static_cast<double>(
                        predictions.distributions[task][i * classes + static_cast<std::size_t>(truth)]);
                scores_[task].add_class(predictions.classes[task][i], static_cast<std::int32_t>(truth), probability);
                break;
            }
            }
        }
        ++(used ? counts_.used : counts_.discarded);
        ++counts_.read;
    }
}

std::vector<TaskMetric> TableEvaluation::metrics(const std::atomic<bool>* stop) const {
    std::vector<TaskMetric> metrics;
    for (std::size_t task = 0; task < tasks_.size(); ++task)
        for (const auto& [name, value] : scores_[task].metrics(stop))
            metrics.push_back({tasks_[task].description().name, std::string(name), value});
    return metrics;
}

}  // namespace tensile
