// Counts a plan's actions by tensor.
#include "planner/plan_summary.h"

#include <algorithm>

#include "tensor/error.h"

namespace tensile {

namespace {

class Summary {
  public:
    Summary(const LoweredProgram& program, const Plan& plan, std::span<const double> op_seconds)
        : program_(program), plan_(plan), op_seconds_(op_seconds), rows_(program.tensors.size()) {
        for (std::size_t i = 0; i < rows_.size(); ++i)
            rows_[i].tensor = static_cast<std::int32_t>(i);
    }

    void count_stays() {
        for (const Place& place : plan_.places)
            ++row(place.tensor).stays;
    }

    void find_uses() {
        for (std::size_t i = 0; i < program_.ops.size(); ++i) {
            const auto op = static_cast<std::int32_t>(i);
            const auto use = [&](std::int32_t tensor) {
                TensorDecision& used = row(tensor);
                if (used.first_op < 0) used.first_op = op;
                used.last_op = op;
            };
            std::for_each(program_.ops[i].reads.begin(), program_.ops[i].reads.end(), use);
            std::for_each(program_.ops[i].writes.begin(), program_.ops[i].writes.end(), use);
        }
    }

    void count_actions(const LinkModel& link) {
        std::vector<bool> ran(program_.ops.size());
        recomputed_.assign(rows_.size(), false);
        for (const Action& action : plan_.actions) {
            if (action.kind == ActionKind::kRun) {
                const auto op = static_cast<std::size_t>(action.subject);
                if (ran.at(op)) count_recomputation(action);
                ran[op] = true;
                continue;
            }
            const std::int32_t tensor = plan_.places.at(static_cast<std::size_t>(action.subject)).tensor;
            count_copy(action.kind, tensor, link);
        }
    }

    std::vector<TensorDecision> take() {
        std::vector<TensorDecision> result;
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            if (program_.tensors[i].kind == LoweredKind::kScratch) continue;
            rows_[i].decision = decide(i);
            // No copies take no time, whatever the link does.
            if (rows_[i].copied_in == 0 && rows_[i].copied_out == 0) rows_[i].copy_seconds = 0;
            result.push_back(rows_[i]);
        }
        return result;
    }

  private:
    TensorDecision& row(std::int32_t tensor) { return rows_.at(static_cast<std::size_t>(tensor)); }
    std::uint64_t bytes_of(std::int32_t tensor) const {
        return program_.tensors.at(static_cast<std::size_t>(tensor)).bytes;
    }

    void count_copy(ActionKind kind, std::int32_t tensor, const LinkModel& link) {
        TensorDecision& copied = row(tensor);
        const bool is_out = kind == ActionKind::kCopyOut;
        (is_out ? copied.copied_out : copied.copied_in) += bytes_of(tensor);
        const double rate = is_out ? link.out_bytes_per_second : link.in_bytes_per_second;
        if (rate > 0)
            copied.copy_seconds = copied.copy_seconds.value_or(0) +
                                  (is_out ? link.out_seconds(bytes_of(tensor)) : link.in_seconds(bytes_of(tensor)));
    }

    // Scratch is no reason to run an op again, so it bears no share.
    void count_recomputation(const Action& run) {
        double opened_bytes = 0;
        const auto is_counted = [&](std::int32_t tensor) {
            return program_.tensors.at(static_cast<std::size_t>(tensor)).kind != LoweredKind::kScratch;
        };
        for (const std::int32_t place : run.opens) {
            const std::int32_t tensor = plan_.places.at(static_cast<std::size_t>(place)).tensor;
            if (is_counted(tensor)) opened_bytes += static_cast<double>(bytes_of(tensor));
        }
        for (const std::int32_t place : run.opens) {
            const std::int32_t tensor = plan_.places.at(static_cast<std::size_t>(place)).tensor;
            if (!is_counted(tensor)) continue;
            recomputed_[static_cast<std::size_t>(tensor)] = true;
            if (opened_bytes > 0)
                row(tensor).recompute_seconds += op_seconds_[static_cast<std::size_t>(run.subject)] *
                                                 static_cast<double>(bytes_of(tensor)) / opened_bytes;
        }
    }

    Decision decide(std::size_t tensor) const {
        const TensorDecision& counted = rows_[tensor];
        if (!plan_.homes.empty() && plan_.homes[tensor].home == Home::kHost) return Decision::kAway;
        if (counted.copied_out > 0) return Decision::kSwap;
        if (counted.copied_in > 0) return Decision::kDrop;
        if (recomputed_[tensor]) return Decision::kRecompute;
        return Decision::kKeep;
    }

    const LoweredProgram& program_;
    const Plan& plan_;
    std::span<const double> op_seconds_;
    std::vector<TensorDecision> rows_;
    std::vector<bool> recomputed_;
};

}  // namespace

const char* name_of(Decision decision) {
    switch (decision) {
    case Decision::kKeep:
        return "keep";
    case Decision::kSwap:
        return "swap";
    case Decision::kDrop:
        return "drop";
    case Decision::kRecompute:
        return "recompute";
    case Decision::kAway:
        return "away";
    }
    return "?";
}

std::vector<TensorDecision> summarize(const LoweredProgram& program, const Plan& plan, const LinkModel& link,
                                      std::span<const double> op_seconds) {
    if (op_seconds.size() != program.ops.size())
        throw InternalError("expected times do not match the ops of program \"" + program.name + "\"");
    Summary summary(program, plan, op_seconds);
    summary.count_stays();
    summary.find_uses();
    summary.count_actions(link);
    return summary.take();
}

}  // namespace tensile
