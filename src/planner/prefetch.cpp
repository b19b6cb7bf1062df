// Copies in move to earlier positions; see prefetch.h.
#include "planner/prefetch.h"

#include <algorithm>
#include <vector>

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// A copy begins so much earlier than it must, in its own durations: the link is never as exact as its model.
constexpr double kMargin = 0.25;

}  // namespace

void hoist_copies_in(const AccessSequence& accesses, const LinkModel& link, std::uint64_t limit, Rehearsal& rehearsal) {
    Schedule& schedule = rehearsal.schedule;
    const auto end = static_cast<std::int32_t>(schedule.sequence.size());
    const LoweredProgram& program = accesses.program();
    std::vector<double> begins = {0};
    begins.reserve(schedule.sequence.size() + 1);
    for (const std::int32_t op : schedule.sequence)
        begins.push_back(begins.back() + accesses.op_seconds(op));

    // Live bytes at each position, and the end of the stay before each one.
    std::vector<bool> copied(program.tensors.size());
    for (const Stay& stay : schedule.stays)
        if (stay.copied_in || stay.copied_out) copied[at(stay.tensor)] = true;
    const auto bytes_of = [&](std::int32_t tensor) {
        return aligned_size(program.tensors[at(tensor)].bytes, copied[at(tensor)] ? kCopyAlignment : kTensorAlignment);
    };
    std::vector<std::uint64_t> live(at(end) + 3);  // entry position + 1
    std::vector<std::int32_t> earliest(schedule.stays.size());
    std::vector<std::int32_t> free_from(program.tensors.size());  // by tensor: behind its latest stay
    std::vector<std::int32_t> copies;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(schedule.stays.size()); ++i) {
        const Stay& stay = schedule.stays[at(i)];
        live[at(stay.first + 1)] += bytes_of(stay.tensor);
        live[at(stay.last + 2)] -= bytes_of(stay.tensor);
        earliest[at(i)] = free_from[at(stay.tensor)];
        free_from[at(stay.tensor)] = stay.last + 1;
        if (stay.copied_in && (stay.first == end || !rehearsal.is_exclusive[at(stay.first)])) copies.push_back(i);
    }
    for (std::size_t i = 1; i < live.size(); ++i)
        live[i] += live[i - 1];

    std::stable_sort(copies.begin(), copies.end(), [&](std::int32_t a, std::int32_t b) {
        return schedule.stays[at(a)].first > schedule.stays[at(b)].first;
    });
    double link_is_needed = begins[at(end)];  // by the copies after this one
    for (const std::int32_t index : copies) {
        Stay& stay = schedule.stays[at(index)];
        const double seconds = link.in_seconds(program.tensors[at(stay.tensor)].bytes);
        const std::uint64_t bytes = bytes_of(stay.tensor);
        link_is_needed = std::min(link_is_needed, begins[at(stay.first)]) - seconds;
        const double wanted = link_is_needed - kMargin * seconds;
        std::int32_t first = stay.first;
        while (first > earliest[at(index)] && begins[at(first)] > wanted && !rehearsal.is_exclusive[at(first - 1)] &&
               live[at(first)] + bytes <= limit) {
            live[at(first)] += bytes;
            --first;
        }
        stay.first = first;
        // Where there is no room the copies after it have the link no earlier either.
        link_is_needed = std::max(link_is_needed, begins[at(first)]);
    }
}

}  // namespace tensile
