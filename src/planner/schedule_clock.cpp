// The estimate of a schedule's time; see schedule_clock.h.
#include "planner/schedule_clock.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace tensile {

namespace {

constexpr double kNotBusy = std::numeric_limits<double>::infinity();

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

constexpr std::int32_t kNoneMatters = std::numeric_limits<std::int32_t>::max();

// Copies of one direction in the order of the list.
struct Copy {
    std::int32_t after_runs = 0;  // so many ops must have run
    std::int32_t after_outs = 0;  // and so many copies out be complete
    // Of the previous execution all but so many, because they make the content.
    std::int32_t previous_outs_left = kNoneMatters;
    double seconds = 0;  // alone on the link
};

class Estimate {
  public:
    Estimate(const AccessSequence& accesses, const Schedule& schedule, const LinkModel& link)
        : accesses_(accesses), schedule_(schedule), end_(static_cast<std::int32_t>(schedule.sequence.size())) {
        slowdown_ = link.is_shared()
                        ? link.total_bytes_per_second / (link.in_bytes_per_second + link.out_bytes_per_second)
                        : 1.0;
        collect(link);
    }

    double seconds() {
        if (in_.empty() && out_.empty()) return compute_seconds();
        const double first = execute();
        if (outs_done_ == static_cast<std::int32_t>(out_.size())) return first;
        // Copies out are still under way: the next execution shows what they cost.
        outs_behind_ = static_cast<std::int32_t>(out_.size()) - outs_done_;
        return execute() - first;
    }

  private:
    double compute_seconds() const {
        double sum = 0;
        for (const std::int32_t op : schedule_.sequence)
            sum += accesses_.op_seconds(op);
        return sum;
    }

    void collect(const LinkModel& link) {
        const LoweredProgram& program = accesses_.program();
        const std::size_t stay_count = schedule_.stays.size();
        std::vector<std::int32_t> current(program.tensors.size(), -1);
        std::vector<std::int32_t> first_use(stay_count, end_);
        std::vector<std::int32_t> last_write(stay_count, -1);
        // Stays by the position that opens them.
        std::vector<std::int32_t> by_first(stay_count);
        for (std::size_t i = 0; i < stay_count; ++i)
            by_first[i] = static_cast<std::int32_t>(i);
        std::stable_sort(by_first.begin(), by_first.end(), [&](std::int32_t a, std::int32_t b) {
            return schedule_.stays[at(a)].first < schedule_.stays[at(b)].first;
        });
        std::size_t opened = 0;
        for (std::int32_t position = 0; position < end_; ++position) {
            for (; opened < stay_count && schedule_.stays[at(by_first[opened])].first <= position; ++opened)
                current[at(schedule_.stays[at(by_first[opened])].tensor)] = by_first[opened];
            for (const OpTensor& used : accesses_.tensors_of(schedule_.sequence[at(position)])) {
                const std::int32_t stay = current[at(used.tensor)];
                first_use[at(stay)] = std::min(first_use[at(stay)], position);
                if (used.writes) last_write[at(stay)] = position;
            }
        }

        std::vector<std::int32_t> ins;
        std::vector<std::int32_t> outs;
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(stay_count); ++i) {
            const Stay& stay = schedule_.stays[at(i)];
            if (stay.copied_in) ins.push_back(i);
            if (!stay.copied_out) continue;
            if (last_write[at(i)] < 0 && stay.copied_in) last_write[at(i)] = first_use[at(i)];
            outs.push_back(i);
        }
        std::stable_sort(outs.begin(), outs.end(),
                         [&](std::int32_t a, std::int32_t b) { return last_write[at(a)] < last_write[at(b)]; });
        std::stable_sort(ins.begin(), ins.end(), [&](std::int32_t a, std::int32_t b) {
            const Stay& left = schedule_.stays[at(a)];
            const Stay& right = schedule_.stays[at(b)];
            return left.first != right.first ? left.first < right.first : first_use[at(a)] < first_use[at(b)];
        });
        // What is away between executions was copied out by the previous one.
        constexpr std::int32_t kNoOut = -1;
        std::vector<std::int32_t> last_out(program.tensors.size(), kNoOut);
        for (std::size_t i = 0; i < outs.size(); ++i)
            last_out[at(schedule_.stays[at(outs[i])].tensor)] = static_cast<std::int32_t>(i);
        run_after_ins_.assign(at(end_) + 1, 0);
        run_after_outs_.assign(at(end_) + 1, 0);
        for (std::size_t i = 0; i < outs.size(); ++i) {
            const Stay& stay = schedule_.stays[at(outs[i])];
            out_.push_back({last_write[at(outs[i])] + 1, 0, kNoneMatters,
                            link.out_seconds(program.tensors[at(stay.tensor)].bytes)});
            if (stay.last < end_)
                run_after_outs_[at(stay.last + 1)] =
                    std::max(run_after_outs_[at(stay.last + 1)], static_cast<std::int32_t>(i) + 1);
        }
        for (std::size_t position = 1; position < run_after_outs_.size(); ++position)
            run_after_outs_[position] = std::max(run_after_outs_[position], run_after_outs_[position - 1]);
        for (std::size_t i = 0; i < ins.size(); ++i) {
            const Stay& stay = schedule_.stays[at(ins[i])];
            Copy copy{stay.first, run_after_outs_[at(stay.first)], kNoneMatters,
                      link.in_seconds(program.tensors[at(stay.tensor)].bytes)};
            std::int32_t& out = last_out[at(stay.tensor)];
            if (accesses_.is_away(stay.tensor) && out != kNoOut)
                copy.previous_outs_left = static_cast<std::int32_t>(outs.size()) - out - 1;
            in_.push_back(copy);
            out = kNoOut;  // only the first one
            std::int32_t& needed = run_after_ins_[at(first_use[at(ins[i])])];
            needed = std::max(needed, static_cast<std::int32_t>(i) + 1);
        }
    }

    // Goes on from the present time and the copies out that are left; the time when ops and copies in are complete.
    double execute() {
        runs_done_ = 0;
        ins_done_ = 0;
        outs_done_ = -outs_behind_;
        double run_left = kNotBusy;
        double in_left = kNotBusy;
        const auto in_count = static_cast<std::int32_t>(in_.size());
        const auto out_count = static_cast<std::int32_t>(out_.size());
        while (true) {
            if (run_left == kNotBusy && runs_done_ < end_ && run_after_ins_[at(runs_done_)] <= ins_done_ &&
                run_after_outs_[at(runs_done_)] <= std::max(outs_done_, 0))
                run_left = accesses_.op_seconds(schedule_.sequence[at(runs_done_)]);
            if (in_left == kNotBusy && ins_done_ < in_count && in_[at(ins_done_)].after_runs <= runs_done_ &&
                in_[at(ins_done_)].after_outs <= std::max(outs_done_, 0) &&
                -outs_done_ <= in_[at(ins_done_)].previous_outs_left)
                in_left = in_[at(ins_done_)].seconds;
            if (out_left_ == kNotBusy && outs_done_ < out_count) {
                // Those of the previous execution come first.
                const Copy& next = out_[at(outs_done_ < 0 ? out_count + outs_done_ : outs_done_)];
                if (outs_done_ < 0 || next.after_runs <= runs_done_) out_left_ = next.seconds;
            }
            if (run_left == kNotBusy && in_left == kNotBusy && (runs_done_ == end_ && ins_done_ == in_count)) break;
            const double rate = in_left != kNotBusy && out_left_ != kNotBusy ? slowdown_ : 1.0;
            const double step = std::min({run_left, in_left / rate, out_left_ / rate});
            if (step == kNotBusy) break;
            now_ += step;
            advance(run_left, step, runs_done_);
            advance(in_left, step * rate, ins_done_);
            advance(out_left_, step * rate, outs_done_);
        }
        return now_;
    }

    static void advance(double& left, double step, std::int32_t& done) {
        if (left == kNotBusy) return;
        left -= step;
        if (left > 1e-15) return;
        left = kNotBusy;
        ++done;
    }

    const AccessSequence& accesses_;
    const Schedule& schedule_;
    const std::int32_t end_;
    double slowdown_ = 1;  // of both directions while both are busy
    std::vector<Copy> in_;
    std::vector<Copy> out_;
    std::vector<std::int32_t> run_after_ins_;   // by position: so many copies in must be complete
    std::vector<std::int32_t> run_after_outs_;  // by position
    double now_ = 0;
    double out_left_ = kNotBusy;
    std::int32_t outs_behind_ = 0;  // copies out of the previous execution that are left
    std::int32_t runs_done_ = 0;
    std::int32_t ins_done_ = 0;
    std::int32_t outs_done_ = 0;
};

}  // namespace

double steady_seconds(const AccessSequence& accesses, const Schedule& schedule, const LinkModel& link) {
    return Estimate(accesses, schedule, link).seconds();
}

}  // namespace tensile
