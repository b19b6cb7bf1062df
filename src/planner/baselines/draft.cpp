// Edits of stays; see draft.h.
#include "planner/baselines/draft.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace tensile {

Draft::Draft(const BaselineRequest& request)
    : request_(&request),
      stays_(request.program->tensors.size()),
      producer_(stays_.size(), -1),
      writers_(stays_.size()),
      is_home_host_(stays_.size()) {
    const LoweredProgram& lowered = *request.program;
    for (std::size_t op = 0; op < lowered.ops.size(); ++op) {
        schedule_sequence_.push_back(static_cast<std::int32_t>(op));
        for (const std::int32_t tensor : lowered.ops[op].writes)
            writers_[at(tensor)].push_back(static_cast<std::int32_t>(op));
    }
    rebuild();
    for (std::size_t tensor = 0; tensor < stays_.size(); ++tensor) {
        const LoweredKind kind = lowered.tensors[tensor].kind;
        if (kind == LoweredKind::kResult && writers_[tensor].size() == 1) producer_[tensor] = writers_[tensor].front();
        if (kind == LoweredKind::kConstant) continue;
        Stay stay;
        stay.tensor = static_cast<std::int32_t>(tensor);
        const std::vector<Use>& uses = uses_[tensor];
        if (kind == LoweredKind::kVariable) {
            stay.first = Stay::kBeforeFirst;
            stay.last = end();
        } else {
            if (uses.empty() && kind != LoweredKind::kInput) continue;
            stay.first = kind == LoweredKind::kInput ? Stay::kBeforeFirst : uses.front().position;
            stay.last = lowered.tensors[tensor].is_output ? end() : uses.empty() ? stay.first : uses.back().position;
        }
        stays_[tensor].push_back(stay);
    }
}

// Uses and times follow from the sequence.
void Draft::rebuild() {
    const LoweredProgram& lowered = program();
    uses_.assign(lowered.tensors.size(), {});
    first_run_.assign(lowered.ops.size(), -1);
    begin_seconds_.assign(1, 0);
    for (std::int32_t position = 0; position < end(); ++position) {
        const std::int32_t op = schedule_sequence_[at(position)];
        if (first_run_[at(op)] < 0) first_run_[at(op)] = position;
        begin_seconds_.push_back(begin_seconds_.back() + request_->op_seconds[at(op)]);
        for (const bool writes : {false, true})
            for (const std::int32_t tensor : writes ? lowered.ops[at(op)].writes : lowered.ops[at(op)].reads) {
                std::vector<Use>& uses = uses_[at(tensor)];
                if (!uses.empty() && uses.back().position == position)
                    uses.back().writes |= writes;
                else
                    uses.push_back({position, writes});
            }
    }
}

std::uint64_t Draft::bytes(std::int32_t tensor) const {
    const std::vector<Stay>& stays = stays_[at(tensor)];
    const bool copied =
        std::any_of(stays.begin(), stays.end(), [](const Stay& stay) { return stay.copied_in || stay.copied_out; });
    return aligned_size(program().tensors[at(tensor)].bytes,
                        copied || is_variable(tensor) ? kCopyAlignment : kTensorAlignment);
}

bool Draft::is_variable(std::int32_t tensor) const {
    return program().tensors[at(tensor)].kind == LoweredKind::kVariable;
}

std::int32_t Draft::position_at(double seconds) const {
    const auto after = std::upper_bound(begin_seconds_.begin(), begin_seconds_.end(), seconds);
    const auto position = static_cast<std::int32_t>(after - begin_seconds_.begin()) - 1;
    return std::clamp(position, 0, std::max(0, end() - 1));
}

std::vector<std::uint64_t> Draft::profile() const {
    std::vector<std::uint64_t> profile(at(end()) + 3);
    for (std::size_t tensor = 0; tensor < stays_.size(); ++tensor) {
        if (stays_[tensor].empty()) continue;
        const std::uint64_t size = bytes(static_cast<std::int32_t>(tensor));
        for (const Stay& stay : stays_[tensor]) {
            profile[at(stay.first + 1)] += size;
            profile[at(stay.last + 2)] -= size;
        }
    }
    for (std::size_t i = 1; i < profile.size(); ++i)
        profile[i] += profile[i - 1];
    profile.pop_back();
    return profile;
}

std::uint64_t Draft::peak() const {
    const std::vector<std::uint64_t> all = profile();
    return *std::max_element(all.begin(), all.end());
}

std::int32_t Draft::peak_position() const {
    const std::vector<std::uint64_t> all = profile();
    return static_cast<std::int32_t>(std::max_element(all.begin(), all.end()) - all.begin()) - 1;
}

std::vector<Draft::Gap> Draft::gaps() const {
    std::vector<Gap> gaps;
    for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(stays_.size()); ++tensor) {
        const LoweredKind kind = program().tensors[at(tensor)].kind;
        if (kind != LoweredKind::kInput && kind != LoweredKind::kResult) continue;
        for (const Stay& stay : stays_[at(tensor)]) {
            std::int32_t before = stay.first == Stay::kBeforeFirst ? Stay::kBeforeFirst : end();
            for (const Use& use : uses(tensor)) {
                if (use.position < stay.first || use.position > stay.last) continue;
                if (use.position > before + 1) gaps.push_back({tensor, before, use.position});
                before = use.position;
            }
            if (stay.last == end() && end() > before + 1) gaps.push_back({tensor, before, end()});
        }
    }
    return gaps;
}

bool Draft::host_copy_is_valid(const Gap& gap) const {
    bool valid = is_home_host_[at(gap.tensor)];
    for (const Stay& stay : stays_[at(gap.tensor)]) {
        if (stay.first > gap.before) break;
        for (const Use& use : uses(gap.tensor))
            if (use.writes && use.position >= stay.first && use.position <= std::min(stay.last, gap.before))
                valid = false;
        if (stay.last <= gap.before && stay.copied_out) valid = true;
    }
    return valid;
}

Stay* Draft::stay_over(std::int32_t tensor, std::int32_t position) {
    for (Stay& stay : stays_[at(tensor)])
        if (stay.first <= position && position <= stay.last) return &stay;
    return nullptr;
}

void Draft::swap(const Gap& gap, std::int32_t out_last, std::int32_t in_first) {
    const bool valid = host_copy_is_valid(gap);
    Stay* const stay = stay_over(gap.tensor, gap.before);
    if (stay == nullptr || out_last < gap.before || in_first <= out_last || in_first > gap.after)
        throw InternalError("a swap does not lie in its gap");
    Stay later = *stay;
    later.first = in_first;
    later.copied_in = true;
    stay->last = valid ? gap.before : out_last;
    stay->copied_out = !valid;
    const auto index = stay - stays_[at(gap.tensor)].data();
    stays_[at(gap.tensor)].insert(stays_[at(gap.tensor)].begin() + index + 1, later);
}

void Draft::send_home(std::int32_t variable, std::int32_t in_first, std::int32_t out_last) {
    is_home_host_[at(variable)] = true;
    Stay& first = stays_[at(variable)].front();
    first.first = in_first;
    first.copied_in = true;
    Stay& last = stays_[at(variable)].back();
    last.last = out_last;
    last.copied_out = std::any_of(uses(variable).begin(), uses(variable).end(),
                                  [&](const Use& use) { return use.writes && use.position >= last.first; });
}

bool Draft::is_available(std::int32_t tensor, std::int32_t position) const {
    if (program().tensors[at(tensor)].kind == LoweredKind::kConstant) return true;
    for (const Stay& stay : stays_[at(tensor)])
        if (stay.first < position && position <= stay.last) return true;
    return false;
}

// Whether the op, run once more at `position`, finds the versions that it found at first and spoils none.
bool Draft::can_repeat(std::int32_t op, std::int32_t position) const {
    const LoweredOp& lowered = program().ops[at(op)];
    for (const std::int32_t tensor : lowered.writes)
        if (program().tensors[at(tensor)].kind != LoweredKind::kScratch && producer_[at(tensor)] != op) return false;
    for (const std::int32_t tensor : lowered.reads) {
        if (program().tensors[at(tensor)].kind == LoweredKind::kScratch) continue;
        if (std::find(lowered.writes.begin(), lowered.writes.end(), tensor) != lowered.writes.end()) return false;
        for (const std::int32_t writer : writers_[at(tensor)])
            if (writer > op && first_run_[at(writer)] < position) return false;
    }
    return true;
}

bool Draft::add_to_chain(std::int32_t tensor, std::int32_t position, std::size_t max_ops,
                         std::vector<std::int32_t>& ops) const {
    const std::int32_t op = producer_[at(tensor)];
    if (op < 0 || !can_repeat(op, position)) return false;
    if (std::find(ops.begin(), ops.end(), op) != ops.end()) return true;
    for (const std::int32_t read : program().ops[at(op)].reads) {
        if (program().tensors[at(read)].kind == LoweredKind::kScratch || is_available(read, position)) continue;
        if (!add_to_chain(read, position, max_ops, ops)) return false;
    }
    ops.push_back(op);
    return ops.size() <= max_ops;
}

std::optional<std::vector<std::int32_t>> Draft::chain(const Gap& gap, std::size_t max_ops) const {
    std::vector<std::int32_t> ops;
    if (gap.before < 0 || !add_to_chain(gap.tensor, gap.after, max_ops, ops)) return std::nullopt;
    return ops;
}

double Draft::least_chain_seconds(const Gap& gap) const {
    const std::int32_t op = producer_[at(gap.tensor)];
    return op < 0 ? 0 : request_->op_seconds[at(op)];
}

double Draft::seconds_of(const std::vector<std::int32_t>& ops) const {
    double seconds = 0;
    for (const std::int32_t op : ops)
        seconds += request_->op_seconds[at(op)];
    return seconds;
}

void Draft::recompute(const Gap& gap, const std::vector<std::int32_t>& chain, std::uint64_t budget) {
    Stay* const stay = stay_over(gap.tensor, gap.before);
    const std::int32_t last = stay->last;
    stay->last = gap.before;
    const auto count = static_cast<std::int32_t>(chain.size());
    for (std::int32_t i = 0; i < count; ++i)
        insert(chain[at(i)], gap.after + i);
    rebuild();
    for (std::int32_t i = 0; i < count; ++i) {
        const std::int32_t position = gap.after + i;
        for (const std::int32_t tensor : program().ops[at(chain[at(i)])].writes) {
            if (stay_over(tensor, position) != nullptr) continue;
            // Needed to its last use within the chain; the tensor itself until it was needed before.
            std::int32_t end_of_stay = position;
            if (tensor == gap.tensor)
                end_of_stay = last + count;
            else
                for (const Use& use : uses(tensor))
                    if (use.position > position && use.position < gap.after + count) end_of_stay = use.position;
            std::vector<Stay>& stays = stays_[at(tensor)];
            const auto next =
                std::find_if(stays.begin(), stays.end(), [&](const Stay& other) { return other.first > position; });
            stays.insert(next, {tensor, position, end_of_stay, false, false});
        }
    }
    chains_.push_back({gap.tensor, gap.after, gap.after + count - 1, true});
    for (std::int32_t i = 0; i + 1 < count; ++i)
        for (const std::int32_t tensor : program().ops[at(chain[at(i)])].writes)
            if (tensor != gap.tensor) keep_for_later(tensor, gap.after + i, budget);
}

void Draft::keep_for_later(std::int32_t tensor, std::int32_t position, std::uint64_t budget) {
    const auto later = std::find_if(chains_.begin(), chains_.end(), [&](const Chain& other) {
        return other.tensor == tensor && other.first > position && other.alone;
    });
    if (later == chains_.end()) return;
    Stay* const kept = stay_over(tensor, position);
    Stay* const repeated = stay_over(tensor, later->last);
    if (kept == nullptr || kept->first != position || repeated != kept + 1 || repeated->first != later->last) return;
    const std::vector<std::uint64_t> bytes_at = profile();
    for (std::int32_t i = kept->last + 1; i < repeated->first; ++i)
        if (bytes_at[at(i + 1)] + bytes(tensor) > budget) return;
    const Chain gone = *later;
    chains_.erase(later);
    for (Chain& other : chains_)
        if (other.first <= position && position <= other.last) other.alone = false;
    kept->last = repeated->last;
    kept->copied_out = repeated->copied_out;
    stays_[at(tensor)].erase(stays_[at(tensor)].begin() + (repeated - stays_[at(tensor)].data()));
    for (std::vector<Stay>& stays : stays_)
        std::erase_if(stays, [&](const Stay& stay) { return stay.first >= gone.first && stay.last <= gone.last; });
    for (std::int32_t i = gone.last; i >= gone.first; --i)
        erase(i);
    rebuild();
}

void Draft::erase(std::int32_t position) {
    schedule_sequence_.erase(schedule_sequence_.begin() + position);
    for (std::vector<Stay>& stays : stays_)
        for (Stay& stay : stays) {
            if (stay.first > position) --stay.first;
            // A stay whose last use was here ends earlier, not later.
            if (stay.last >= position) --stay.last;
        }
    for (Chain& chain : chains_) {
        if (chain.first > position) --chain.first;
        if (chain.last >= position) --chain.last;
    }
}

void Draft::insert(std::int32_t op, std::int32_t position) {
    for (Chain& chain : chains_) {
        if (chain.first >= position) ++chain.first;
        if (chain.last >= position) ++chain.last;
    }
    schedule_sequence_.insert(schedule_sequence_.begin() + position, op);
    for (std::vector<Stay>& stays : stays_)
        for (Stay& stay : stays) {
            if (stay.first >= position) ++stay.first;
            if (stay.last >= position) ++stay.last;
        }
}

void Draft::schedule_copies(std::uint64_t budget, double lead) {
    struct Copy {
        std::int32_t tensor;
        std::size_t stay;
        std::int32_t position;  // out: of the last write or the arrival; in: of the first use
    };
    std::vector<Copy> outs;
    std::vector<Copy> ins;
    for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(stays_.size()); ++tensor)
        for (std::size_t i = 0; i < stays_[at(tensor)].size(); ++i) {
            Stay& stay = stays_[at(tensor)][i];
            std::int32_t first = end();
            std::int32_t last = std::max(stay.first, 0);
            std::int32_t written = stay.first;
            for (const Use& use : uses(tensor)) {
                if (use.position < stay.first || use.position > stay.last) continue;
                first = std::min(first, use.position);
                last = use.position;
                if (use.writes) written = use.position;
            }
            if (stay.copied_out) {
                stay.last = last;
                outs.push_back({tensor, i, written});
            }
            if (stay.copied_in) {
                stay.first = first;
                ins.push_back({tensor, i, first});
            }
        }
    std::vector<std::uint64_t> bytes_at = profile();
    const auto fits = [&](std::int32_t position, std::uint64_t size) {
        return bytes_at[at(position + 1)] + size <= budget;
    };
    const auto by_position = [](const Copy& a, const Copy& b) {
        return std::pair(a.position, a.tensor) < std::pair(b.position, b.tensor);
    };
    std::sort(outs.begin(), outs.end(), by_position);
    std::sort(ins.begin(), ins.end(), by_position);
    double free_at = 0;
    for (const Copy& copy : outs) {
        Stay& stay = stays_[at(copy.tensor)][copy.stay];
        const std::uint64_t size = bytes(copy.tensor);
        free_at = std::max(free_at, begin_seconds_[at(std::min(copy.position + 1, end()))]) +
                  request_->link.out_seconds(size);
        const bool has_next = copy.stay + 1 < stays_[at(copy.tensor)].size();
        const std::int32_t bound = has_next ? stays_[at(copy.tensor)][copy.stay + 1].first - 1 : end();
        while (stay.last < bound && begin_seconds_[at(stay.last + 1)] < free_at && fits(stay.last + 1, size)) {
            ++stay.last;
            bytes_at[at(stay.last + 1)] += size;
        }
    }
    double needed_at = begin_seconds_.back();
    for (auto copy = ins.rbegin(); copy != ins.rend(); ++copy) {
        Stay& stay = stays_[at(copy->tensor)][copy->stay];
        const std::uint64_t size = bytes(copy->tensor);
        needed_at = std::min(needed_at, begin_seconds_[at(copy->position)]) - lead * request_->link.in_seconds(size);
        const std::int32_t bound = copy->stay > 0 ? stays_[at(copy->tensor)][copy->stay - 1].last + 1 : 0;
        while (stay.first > bound && begin_seconds_[at(stay.first)] > needed_at && fits(stay.first - 1, size)) {
            --stay.first;
            bytes_at[at(stay.first + 1)] += size;
        }
    }
}

std::optional<Plan> Draft::place(std::uint64_t limit) const {
    std::vector<TensorHome> homes(stays_.size());
    std::uint64_t state = 0;
    Schedule schedule;
    schedule.sequence = schedule_sequence_;
    for (std::size_t tensor = 0; tensor < stays_.size(); ++tensor) {
        schedule.stays.insert(schedule.stays.end(), stays_[tensor].begin(), stays_[tensor].end());
        if (!is_variable(static_cast<std::int32_t>(tensor))) continue;
        if (is_home_host_[tensor]) {
            homes[tensor].home = Home::kHost;
        } else {
            homes[tensor] = {Home::kResident, state};
            state += bytes(static_cast<std::int32_t>(tensor));
        }
    }
    if (state > limit) return std::nullopt;
    return place_schedule(program(), schedule, homes, state, limit);
}

}  // namespace tensile
