// Columns and labels of a prediction's block.
#include "engine/prediction_block.h"

#include <cstring>
#include <limits>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kRegression = "regression";
constexpr protocol::TextReference kUnset{std::numeric_limits<std::uint32_t>::max(), 0};

template <typename T>
void copy_column(std::span<std::byte> target, std::uint64_t offset, std::span<const T> values) {
    if (!values.empty()) std::memcpy(target.data() + offset, values.data(), values.size_bytes());
}

}  // namespace

PredictionBlock::PredictionBlock(const Predictor& predictor, const PredictionColumns& predictions, std::uint32_t rows)
    : predictions_(predictions), rows_(rows) {
    const std::span<const PredictionOutput> outputs = predictor.outputs();
    if (predictions.values.size() != outputs.size()) throw InternalError("prediction has another number of outputs");
    std::vector<protocol::ColumnSpec> columns;
    references_.resize(outputs.size());
    is_class_.resize(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (predictions.values[i].size() != rows) throw InternalError("prediction has another number of rows");
        columns.push_back({protocol::ElementType::kF64});
        if (outputs[i].kind == kRegression) continue;
        is_class_[i] = true;
        columns.push_back({protocol::ElementType::kText});
        references_[i] = refer_to_labels(predictor, i);
    }
    layout_ = protocol::lay_out(columns, rows);
}

protocol::TextReference PredictionBlock::append_label(std::span<const std::string> labels, std::int32_t code) {
    if (code < 0 || static_cast<std::size_t>(code) >= labels.size())
        throw InternalError("prediction names a class that the model does not have");
    const std::string& label = labels[static_cast<std::size_t>(code)];
    if (heap_.size() + label.size() > std::numeric_limits<std::uint32_t>::max())
        throw Error(sqlstate::kProgramLimitExceeded, "labels of the predicted classes are too long");
    const protocol::TextReference reference{static_cast<std::uint32_t>(heap_.size()),
                                            static_cast<std::uint32_t>(label.size())};
    heap_ += label;
    return reference;
}

PredictionBlock::References PredictionBlock::refer_to_labels(const Predictor& predictor, std::size_t output) {
    const std::span<const std::string> labels = predictor.labels(static_cast<int>(output));
    const std::vector<std::int32_t>& classes = predictions_.classes.at(output);
    if (classes.size() != rows_) throw InternalError("prediction has another number of classes");
    References references(rows_);
    // Rows of the same class share one copy of its label, unless there are more classes than rows.
    std::vector<protocol::TextReference> by_class;
    if (labels.size() <= rows_) by_class.assign(labels.size(), kUnset);
    for (std::uint32_t row = 0; row < rows_; ++row) {
        const std::int32_t code = classes[row];
        const auto at = static_cast<std::size_t>(code);
        const bool known = code >= 0 && at < by_class.size() && by_class[at].offset != kUnset.offset;
        references[row] = known ? by_class[at] : append_label(labels, code);
        if (at < by_class.size()) by_class[at] = references[row];
    }
    return references;
}

void PredictionBlock::write(std::span<std::byte> target) const {
    protocol::start_block(target, layout_, rows_);
    auto* header = reinterpret_cast<protocol::BlockHeader*>(target.data());
    header->row_count = rows_;
    header->heap_bytes = heap_.size();
    auto column = layout_.columns.begin();
    for (std::size_t i = 0; i < references_.size(); ++i) {
        copy_column<double>(target, (column++)->values_offset, predictions_.values[i]);
        if (is_class_[i]) copy_column<protocol::TextReference>(target, (column++)->values_offset, references_[i]);
    }
    if (!heap_.empty()) std::memcpy(target.data() + layout_.heap_offset, heap_.data(), heap_.size());
}

}  // namespace tensile
