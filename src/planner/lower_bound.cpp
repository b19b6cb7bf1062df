// See lower_bound.h.
#include "planner/lower_bound.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/op_order.h"

namespace tensile {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// The least value of a convex function over [low, high].
double least_of(double low, double high, const std::function<double(double)>& function) {
    constexpr int kThirds = 60;
    for (int i = 0; i < kThirds; ++i) {
        const double left = low + (high - low) / 3;
        const double right = high - (high - low) / 3;
        if (function(left) <= function(right))
            high = right;
        else
            low = left;
    }
    // Rounding leaves a flat bottom its width; either end will do.
    return std::min(function(low), function(high));
}

// What may be absent while one op runs.
struct Absentees {
    double results = 0;  // bytes: made before and used after
    double inputs = 0;   // fed before: they come in like results, but may have gone out before the first op
    double read_variables = 0;
    double written_variables = 0;
    // Of the results that may be made again: bytes and seconds, summed up from the cheapest on.
    std::vector<double> repeated_bytes = {0};
    std::vector<double> repeated_seconds = {0};

    double all() const { return results + inputs + variables(); }
    double variables() const { return read_variables + written_variables; }
    // Convex: what is cheap is taken first.
    double seconds_to_repeat(double bytes) const {
        const auto next = std::lower_bound(repeated_bytes.begin(), repeated_bytes.end(), bytes);
        if (next == repeated_bytes.begin()) return 0;
        const auto i = std::min(static_cast<std::size_t>(next - repeated_bytes.begin()), repeated_bytes.size() - 1);
        const double part = (bytes - repeated_bytes[i - 1]) / (repeated_bytes[i] - repeated_bytes[i - 1]);
        return repeated_seconds[i - 1] + part * (repeated_seconds[i] - repeated_seconds[i - 1]);
    }
};

class Bound {
  public:
    Bound(const AccessSequence& accesses, const LinkModel& link, std::uint64_t budget)
        : accesses_(accesses), link_(link), budget_(static_cast<double>(budget)) {
        const auto count = static_cast<std::int32_t>(accesses.program().tensors.size());
        for (std::int32_t tensor = 0; tensor < count; ++tensor)
            if (accesses.is_placed(tensor) && is_used_by_an_op(tensor)) tensors_.push_back(tensor);
    }

    double seconds() const {
        double least = accesses_.begin_of(accesses_.end());
        for (std::int32_t position = 0; position < accesses_.end(); ++position)
            least = std::max(least, seconds_at(position));
        return least;
    }

  private:
    bool is_used_by_an_op(std::int32_t tensor) const {
        const std::span<const std::int32_t> uses = accesses_.uses_of(tensor);
        return std::any_of(uses.begin(), uses.end(),
                           [&](std::int32_t use) { return use >= 0 && use < accesses_.end(); });
    }
    const LoweredTensor& tensor_at(std::int32_t tensor) const { return accesses_.program().tensors[at(tensor)]; }
    double bytes_of(std::int32_t tensor) const { return static_cast<double>(tensor_at(tensor).bytes); }

    double seconds_at(std::int32_t position) const {
        double needed = 0;
        for (const OpTensor& used : accesses_.tensors_of(accesses_.op_at(position)))
            needed += bytes_of(used.tensor);
        if (needed > budget_) return kInfinity;
        const Absentees absent = absentees_at(position);
        const double excess = needed + absent.all() - budget_;
        if (excess <= 0) return 0;
        return cheapest(absent, excess, accesses_.begin_of(position),
                        accesses_.begin_of(accesses_.end()) - accesses_.begin_of(position));
    }

    // All that is there before and after, but is not used by the op itself.
    Absentees absentees_at(std::int32_t position) const {
        Absentees absent;
        std::map<std::int32_t, double> repeated;  // bytes by op
        for (const std::int32_t tensor : tensors_) {
            const std::span<const std::int32_t> uses = accesses_.uses_of(tensor);
            if (std::binary_search(uses.begin(), uses.end(), position)) continue;
            const LoweredKind kind = tensor_at(tensor).kind;
            if (kind == LoweredKind::kVariable) {
                (is_written(tensor) ? absent.written_variables : absent.read_variables) += bytes_of(tensor);
                continue;
            }
            if (uses.front() > position || uses.back() < position) continue;
            (kind == LoweredKind::kInput ? absent.inputs : absent.results) += bytes_of(tensor);
            const std::int32_t writer = accesses_.only_writer(tensor);
            if (writer >= 0 && accesses_.may_rerun(writer)) repeated[writer] += bytes_of(tensor);
        }
        sum_up(repeated, absent);
        return absent;
    }

    bool is_written(std::int32_t tensor) const {
        return accesses_.next_write(tensor, AccessSequence::kBeforeFirst) != AccessSequence::kNever;
    }

    void sum_up(const std::map<std::int32_t, double>& repeated, Absentees& absent) const {
        struct Repetition {
            double bytes;
            double seconds;
        };
        std::vector<Repetition> sorted;
        for (const auto& [op, bytes] : repeated)
            sorted.push_back({bytes, accesses_.op_seconds(op)});
        std::sort(sorted.begin(), sorted.end(),
                  [](const Repetition& a, const Repetition& b) { return a.seconds * b.bytes < b.seconds * a.bytes; });
        for (const Repetition& one : sorted) {
            absent.repeated_bytes.push_back(absent.repeated_bytes.back() + one.bytes);
            absent.repeated_seconds.push_back(absent.repeated_seconds.back() + one.seconds);
        }
    }

    // `before` and `after`: compute seconds of the ops before this one, and from it on.
    double cheapest(const Absentees& absent, double excess, double before, double after) const {
        const double most_repeated = std::min(absent.repeated_bytes.back(), excess);
        const double most_away = std::min(absent.variables(), excess);
        return least_of(0, most_repeated, [&](double repeated) {
            return least_of(0, most_away, [&](double away) {
                const double copied = std::max(0.0, excess - repeated - away);
                return seconds_of(absent, copied, repeated, away, before, after);
            });
        });
    }

    double seconds_of(const Absentees& absent, double copied, double repeated, double away, double before,
                      double after) const {
        const double out = std::max(0.0, copied - absent.inputs);
        const double written = std::max(0.0, away - absent.read_variables);
        const double split = std::max(before, out / link_.out_bytes_per_second) +
                             std::max(after + absent.seconds_to_repeat(repeated), copied / link_.in_bytes_per_second);
        const double in_all = (copied + away) / link_.in_bytes_per_second;
        const double out_all = (out + written) / link_.out_bytes_per_second;
        const double both = (copied + away + out + written) / link_.total_bytes_per_second;
        return std::max({split, in_all, out_all, both});
    }

    const AccessSequence& accesses_;
    const LinkModel& link_;
    const double budget_;
    std::vector<std::int32_t> tensors_;
};

}  // namespace

double least_seconds(const LoweredProgram& program, std::span<const double> op_seconds, const LinkModel& link,
                     std::uint64_t budget) {
    std::vector<TensorHome> homes(program.tensors.size());
    std::uint64_t state_bytes = 0;
    for (std::size_t i = 0; i < homes.size(); ++i) {
        if (program.tensors[i].kind != LoweredKind::kVariable) continue;
        homes[i] = {Home::kResident, state_bytes};
        state_bytes += aligned_size(program.tensors[i].bytes);
    }
    std::vector<std::int32_t> order(program.ops.size());
    std::iota(order.begin(), order.end(), 0);
    double least = kInfinity;
    for (const std::vector<std::int32_t>& one : {order, releasing_order(program)})
        least = std::min(least, Bound(AccessSequence(program, one, op_seconds, homes), link, budget).seconds());
    return least;
}

}  // namespace tensile
