// Placement in order of time that moves what is in the way; see fitting.h.
#include "planner/fitting.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace tensile {

namespace {

constexpr std::int32_t kNone = -1;
constexpr double kNever = std::numeric_limits<double>::infinity();
// A copy in begins so much earlier than it must, in its own durations: the link is never as exact as its model.
constexpr double kLead = 1.25;

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

class Fitter {
  public:
    Fitter(const AccessSequence& accesses, const Schedule& schedule, const LinkModel& link, const FittingRules& rules)
        : accesses_(accesses),
          program_(accesses.program()),
          link_(link),
          rules_(rules),
          end_(static_cast<std::int32_t>(schedule.sequence.size())),
          cursor_(program_.tensors.size()) {
        result_.schedule = schedule;
        result_.offsets.assign(schedule.stays.size(), kNoOffset);
        opens_at_.resize(at(end_) + 2);
        begins_.reserve(at(end_) + 2);
        double now = 0;
        for (const std::int32_t op : schedule.sequence) {
            begins_.push_back(now);
            now += accesses.op_seconds(op);
        }
        begins_.insert(begins_.end(), 2, now);
        list_uses();
        list_homes();
    }

    std::optional<FittedSchedule> run() {
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(stays().size()); ++i)
            opens_at_[at(stays()[at(i)].first + 1)].push_back(i);
        for (position_ = Stay::kBeforeFirst; position_ <= end_; ++position_)
            if (!open_all()) return std::nullopt;
        put_in_order();
        return std::move(result_);
    }

  private:
    struct Use {
        std::int32_t position;
        bool writes;
    };
    // What is there now, in order of addresses; walls have no stay.
    struct Taken {
        std::uint64_t begin;
        std::uint64_t end;
        std::int32_t stay;
    };
    struct Opening {
        std::int32_t stay;
        bool must;  // now, because an op needs it or makes it
    };
    // Where a resident variable must be again from a position on.
    struct Return {
        std::uint64_t begin;
        std::uint64_t end;
        std::int32_t first;
    };

    std::vector<Stay>& stays() { return result_.schedule.stays; }
    const Stay& stay(std::int32_t index) const { return result_.schedule.stays[at(index)]; }

    // What came back was appended.
    void put_in_order() {
        std::vector<std::int32_t> order(stays().size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int32_t a, std::int32_t b) { return stay(a).first < stay(b).first; });
        FittedSchedule sorted;
        sorted.schedule.sequence = std::move(result_.schedule.sequence);
        sorted.moved_bytes = result_.moved_bytes;
        for (const std::int32_t index : order) {
            sorted.schedule.stays.push_back(stay(index));
            sorted.offsets.push_back(result_.offsets[at(index)]);
        }
        result_ = std::move(sorted);
    }

    bool is_home(const Stay& one) const {
        return accesses_.is_resident(one.tensor) && (one.first == Stay::kBeforeFirst || one.last == end_);
    }

    void list_uses() {
        std::vector<std::size_t> counts(program_.tensors.size() + 1);
        for (const std::int32_t op : result_.schedule.sequence)
            for (const OpTensor& used : accesses_.tensors_of(op))
                ++counts[at(used.tensor) + 1];
        for (std::size_t i = 1; i < counts.size(); ++i)
            counts[i] += counts[i - 1];
        use_begins_ = counts;
        uses_.resize(counts.back());
        for (std::int32_t position = 0; position < end_; ++position)
            for (const OpTensor& used : accesses_.tensors_of(result_.schedule.sequence[at(position)]))
                uses_[counts[at(used.tensor)]++] = {position, used.writes};
        for (std::size_t tensor = 0; tensor < cursor_.size(); ++tensor)
            cursor_[tensor] = use_begins_[tensor];
    }

    // Walls: the state but for variables that are absent for a while, and the border.
    void list_homes() {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> leaving;
        for (const Stay& one : result_.schedule.stays) {
            if (!is_home(one) || stays_throughout(one)) continue;
            const std::uint64_t begin = accesses_.homes()[at(one.tensor)].offset;
            const std::uint64_t end = begin + aligned_size(program_.tensors[at(one.tensor)].bytes);
            if (one.first == Stay::kBeforeFirst)
                leaving.emplace_back(begin, end);
            else
                returns_.push_back({begin, end, one.first});
        }
        std::sort(leaving.begin(), leaving.end());
        leaving.emplace_back(rules_.state_bytes, rules_.state_bytes);
        std::uint64_t reached = 0;
        for (const auto& [begin, end] : leaving) {
            if (begin > reached) taken_.push_back({reached, begin, kNone});
            reached = end;
        }
        taken_.push_back({rules_.state_bytes, rules_.state_bytes, kNone});
    }

    bool stays_throughout(const Stay& one) const { return one.first == Stay::kBeforeFirst && one.last == end_; }

    bool may_be_copied(std::int32_t tensor) const {
        return program_.tensors[at(tensor)].kind != LoweredKind::kScratch && !accesses_.is_resident(tensor) &&
               program_.tensors[at(tensor)].bytes >= rules_.smallest_copied;
    }
    // Also of what only may be copied: it can still leave.
    std::uint64_t alignment_of(std::int32_t tensor) const {
        const bool copied = may_be_copied(tensor) || accesses_.is_away(tensor) || accesses_.is_resident(tensor);
        return copied ? kCopyAlignment : kTensorAlignment;
    }

    // The first use of the tensor that is not over yet.
    std::size_t upcoming(std::int32_t tensor) {
        std::size_t& use = cursor_[at(tensor)];
        while (use < use_begins_[at(tensor) + 1] && uses_[use].position < position_)
            ++use;
        return use;
    }
    std::int32_t next_use(std::int32_t tensor) {
        const std::size_t use = upcoming(tensor);
        return use < use_begins_[at(tensor) + 1] ? uses_[use].position : end_;
    }
    std::int32_t first_use(const Stay& one) const {
        const auto begin = uses_.begin() + static_cast<std::ptrdiff_t>(use_begins_[at(one.tensor)]);
        const auto end = uses_.begin() + static_cast<std::ptrdiff_t>(use_begins_[at(one.tensor) + 1]);
        const auto use = std::lower_bound(begin, end, one.first,
                                          [](const Use& a, std::int32_t position) { return a.position < position; });
        return use == end ? end_ : std::min(use->position, end_);
    }

    bool open_all() {
        if (first_end_ < position_) {
            first_end_ = end_;
            std::erase_if(taken_, [&](const Taken& one) {
                if (one.stay == kNone) return false;
                const std::int32_t last = stay(one.stay).last;
                if (last >= position_) first_end_ = std::min(first_end_, last);
                return last < position_;
            });
        }
        // What has its place first, then what must be there now; longer stays before shorter ones.
        now_.clear();
        for (const std::int32_t index : opens_at_[at(position_ + 1)]) {
            const Stay& one = stay(index);
            if (!is_home(one))
                now_.push_back({index, !one.copied_in || first_use(one) <= position_});
            else if (stays_throughout(one))
                result_.offsets[at(index)] = accesses_.homes()[at(one.tensor)].offset;
            else
                take(index, accesses_.homes()[at(one.tensor)].offset,
                     aligned_size(program_.tensors[at(one.tensor)].bytes));
        }
        std::sort(now_.begin(), now_.end(), [&](const Opening& a, const Opening& b) {
            if (a.must != b.must) return a.must;
            const std::int32_t left = stay(a.stay).last - stay(a.stay).first;
            const std::int32_t right = stay(b.stay).last - stay(b.stay).first;
            return left != right ? left > right : a.stay < b.stay;
        });
        return std::all_of(now_.begin(), now_.end(), [&](const Opening& one) { return open(one.stay, one.must); });
    }

    bool open(std::int32_t index, bool must) {
        const Stay one = stay(index);
        const std::uint64_t bytes = aligned_size(program_.tensors[at(one.tensor)].bytes, alignment_of(one.tensor));
        if (bytes == 0) {
            result_.offsets[at(index)] = rules_.state_bytes;
            return true;
        }
        std::uint64_t offset = find(bytes, one);
        if (offset == kNoOffset && !must) {
            stays()[at(index)].first = position_ + 1;
            opens_at_[at(position_ + 2)].push_back(index);
            return true;
        }
        if (offset == kNoOffset) offset = make_room(bytes, one.tensor);
        if (offset == kNoOffset) return false;
        take(index, offset, bytes);
        return true;
    }

    void take(std::int32_t index, std::uint64_t offset, std::uint64_t bytes) {
        result_.offsets[at(index)] = offset;
        first_end_ = std::min(first_end_, stay(index).last);
        const Taken one{offset, offset + bytes, index};
        taken_.insert(std::upper_bound(taken_.begin(), taken_.end(), one,
                                       [](const Taken& a, const Taken& b) { return a.begin < b.begin; }),
                      one);
    }

    bool is_free_until(std::uint64_t offset, std::uint64_t bytes, std::int32_t last) const {
        return std::none_of(returns_.begin(), returns_.end(), [&](const Return& home) {
            return home.begin < offset + bytes && offset < home.end && home.first <= last && home.first >= position_;
        });
    }

    std::uint64_t find(std::uint64_t bytes, const Stay& one) const {
        const std::uint64_t alignment = alignment_of(one.tensor);
        const bool is_long = one.last - position_ >= rules_.long_stay;
        std::uint64_t found = kNoOffset;
        std::uint64_t reached = 0;
        for (std::size_t i = 0; i <= taken_.size(); ++i) {
            const std::uint64_t gap_end = i < taken_.size() ? taken_[i].begin : rules_.limit_bytes;
            const std::uint64_t begin = aligned_size(reached, alignment);
            if (gap_end >= begin + bytes) {
                const std::uint64_t offset = is_long ? begin : (gap_end - bytes) / alignment * alignment;
                if (reached >= rules_.state_bytes || is_free_until(offset, bytes, one.last)) {
                    if (is_long) return offset;
                    found = offset;
                }
            }
            if (i < taken_.size()) reached = std::max(reached, taken_[i].end);
        }
        return found;
    }

    // Seconds of its absence from now to its next use, for each second of it; infinity when it must stay.
    double cost_of(const Taken& one) {
        // All inputs are there at once.
        if (one.stay == kNone || position_ < 0) return kNever;
        const Stay& there = stay(one.stay);
        if (!may_be_copied(there.tensor)) return kNever;
        const std::int32_t next = next_use(there.tensor);
        if (next <= position_) return kNever;
        const std::uint64_t bytes = program_.tensors[at(there.tensor)].bytes;
        const double now = begins_[at(position_)];
        const double absent = std::max(begins_[at(next)] - now, 1e-12);
        if (next > there.last && !there.copied_out) return 0;
        const double in = next > there.last ? 0 : link_.in_seconds(bytes);
        const double in_exposed = std::max(0.0, in - absent);
        if (is_unused(there)) return in_exposed;
        const Use* const written = last_write(there);
        if (there.copied_in && written == nullptr) return (in + in_exposed) / absent;
        const double out = link_.out_seconds(bytes);
        const double ready = begins_[at(written == nullptr ? 0 : written->position + 1)];
        const double out_exposed = std::max(0.0, ready + out - now);
        if (next > there.last) return out_exposed / absent;
        return (in + out + in_exposed + out_exposed) / absent;
    }

    // Copied in, but no op has used it yet.
    bool is_unused(const Stay& there) const { return there.copied_in && first_use(there) >= position_; }
    // In this stay so far.
    const Use* last_write(const Stay& there) {
        for (std::size_t use = upcoming(there.tensor); use-- > use_begins_[at(there.tensor)];) {
            if (uses_[use].position < there.first) break;
            if (uses_[use].writes) return &uses_[use];
        }
        return nullptr;
    }

    // The least costly neighbours leave.
    std::uint64_t make_room(std::uint64_t bytes, std::int32_t tensor) {
        const std::uint64_t alignment = alignment_of(tensor);
        costs_.clear();
        for (const Taken& one : taken_)
            costs_.push_back(cost_of(one));
        double least = kNever;
        std::size_t best_first = 0;
        std::size_t best_last = 0;
        // From behind the element before `first` to the begin of the element `last`, which stay.
        for (std::size_t first = 0; first < taken_.size(); ++first) {
            if (taken_[first].end < rules_.state_bytes) continue;
            const std::uint64_t begin = aligned_size(taken_[first].end, alignment);
            double sum = 0;
            for (std::size_t last = first + 1; last <= taken_.size(); ++last) {
                const std::uint64_t end = last < taken_.size() ? taken_[last].begin : rules_.limit_bytes;
                if (end >= begin + bytes) {
                    if (sum < least) {
                        least = sum;
                        best_first = first;
                        best_last = last;
                    }
                    break;
                }
                if (last == taken_.size() || (sum += costs_[last]) >= least) break;
            }
        }
        if (least == kNever) return kNoOffset;
        const std::uint64_t offset = aligned_size(taken_[best_first].end, alignment);
        for (std::size_t i = best_first + 1; i < best_last; ++i)
            send_away(taken_[i].stay);
        taken_.erase(taken_.begin() + static_cast<std::ptrdiff_t>(best_first + 1),
                     taken_.begin() + static_cast<std::ptrdiff_t>(best_last));
        return offset;
    }

    void send_away(std::int32_t index) {
        const Stay there = stay(index);
        const std::int32_t next = next_use(there.tensor);
        if (next > there.last) {
            stays()[at(index)].last = std::max(last_use(there.tensor), there.first);
            return;
        }
        Stay later = there;
        later.copied_in = true;
        later.first = earliest_return(there.tensor, next);
        std::int32_t later_index = index;
        if (is_unused(there)) {
            stays()[at(index)] = later;
        } else {
            const Use* const written = last_write(there);
            const bool is_valid = there.copied_in && written == nullptr;
            if (there.copied_out && !writes_after(there)) later.copied_out = false;
            stays()[at(index)].last = std::max(last_use(there.tensor), there.first);
            stays()[at(index)].copied_out = !is_valid;
            result_.moved_bytes += program_.tensors[at(there.tensor)].bytes;
            later_index = static_cast<std::int32_t>(stays().size());
            stays().push_back(later);
            result_.offsets.push_back(kNoOffset);
        }
        opens_at_[at(later.first + 1)].push_back(later_index);
    }

    // Before the present position.
    std::int32_t last_use(std::int32_t tensor) {
        const std::size_t use = upcoming(tensor);
        return use > use_begins_[at(tensor)] ? uses_[use - 1].position : Stay::kBeforeFirst;
    }

    bool writes_after(const Stay& there) {
        for (std::size_t use = upcoming(there.tensor); use < use_begins_[at(there.tensor) + 1]; ++use)
            if (uses_[use].position <= there.last && uses_[use].writes) return true;
        return false;
    }

    // Early enough for the copy, but behind the present.
    std::int32_t earliest_return(std::int32_t tensor, std::int32_t next) const {
        const double wanted = begins_[at(next)] - kLead * link_.in_seconds(program_.tensors[at(tensor)].bytes);
        const auto from = begins_.begin() + position_ + 1;
        const auto begin = std::upper_bound(from, begins_.begin() + next, wanted);
        return std::clamp(static_cast<std::int32_t>(begin - begins_.begin()) - 1, position_ + 1, next);
    }

    const AccessSequence& accesses_;
    const LoweredProgram& program_;
    const LinkModel& link_;
    const FittingRules& rules_;
    const std::int32_t end_;
    FittedSchedule result_;
    std::vector<double> begins_;                       // by position, and of the end
    std::vector<std::size_t> use_begins_;              // by tensor
    std::vector<Use> uses_;                            // by tensor, in order of time
    std::vector<std::size_t> cursor_;                  // by tensor: no use before it is still to come
    std::vector<std::vector<std::int32_t>> opens_at_;  // by position + 1: stays
    std::vector<Taken> taken_;
    std::vector<Return> returns_;
    std::vector<double> costs_;
    std::vector<Opening> now_;
    std::int32_t first_end_ = Stay::kBeforeFirst;  // nothing that is there leaves at an earlier position
    std::int32_t position_ = 0;
};

}  // namespace

std::optional<FittedSchedule> fit_schedule(const AccessSequence& accesses, const Schedule& schedule,
                                           const LinkModel& link, const FittingRules& rules) {
    return Fitter(accesses, schedule, link, rules).run();
}

}  // namespace tensile
