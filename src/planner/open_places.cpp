// Counts accesses down; see open_places.h.
#include "planner/open_places.h"

#include <iterator>
#include <string>

#include "tensor/error.h"

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

}  // namespace

OpenPlaces::OpenPlaces(const LoweredProgram& program, const Plan& plan)
    : plan_(&plan),
      accesses_(plan.actions.size()),
      use_count_(plan.places.size()),
      uses_left_(plan.places.size()),
      stays_(plan.places.size()),
      is_open_(plan.places.size()),
      is_over_(plan.places.size()) {
    std::vector<std::int32_t> current = first_places(program, plan);
    const std::vector<std::int32_t> first = current;
    for (std::size_t i = 0; i < plan.actions.size(); ++i) {
        const Action& action = plan.actions[i];
        Access& access = accesses_[i];
        const auto use = [&](std::int32_t tensor) {
            const std::int32_t place = current[at(tensor)];
            if (place < 0) return;
            access.uses.push_back(place);
            ++use_count_[at(place)];
        };
        if (action.kind == ActionKind::kRun) {
            access.opens = action.opens;
            const LoweredOp& op = program.ops[at(action.subject)];
            for (const std::int32_t place : action.opens)
                current[at(plan.places[at(place)].tensor)] = place;
            for (const std::int32_t tensor : op.reads)
                use(tensor);
            for (const std::int32_t tensor : op.writes)
                use(tensor);
        } else {
            if (action.kind == ActionKind::kCopyIn) access.opens = {action.subject};
            current[at(plan.places[at(action.subject)].tensor)] = action.subject;
            use(plan.places[at(action.subject)].tensor);
        }
    }
    for (std::size_t tensor = 0; tensor < current.size(); ++tensor) {
        const bool is_resident = plan.homes[tensor].home == Home::kResident;
        if (current[tensor] >= 0 && (program.tensors[tensor].is_output || is_resident))
            stays_[at(current[tensor])] = true;
        if (!is_resident) continue;
        resident_first_.push_back(first[tensor]);
        resident_last_.push_back(current[tensor]);
    }
}

void OpenPlaces::feed() {
    for (std::size_t i = 0; i < resident_first_.size(); ++i) {
        const std::int32_t last = resident_last_[i];
        // A copy out of the previous execution may still read the place that the variable never left.
        const std::int32_t late_uses = fed_ && last == resident_first_[i] ? uses_left_[at(last)] : 0;
        if (fed_) close(last);
        open(resident_first_[i]);
        uses_left_[at(resident_first_[i])] += late_uses;
    }
    for (const std::int32_t place : plan_->initial_places)
        if (!is_open_[at(place)]) open(place);
    fed_ = true;
}

void OpenPlaces::begin(std::size_t action) {
    for (const std::int32_t place : accesses_[action].opens)
        open(place);
}

void OpenPlaces::complete(std::size_t action) {
    for (const std::int32_t place : accesses_[action].uses)
        if (is_open_[at(place)] && --uses_left_[at(place)] == 0 && (!stays_[at(place)] || is_over_[at(place)]))
            close(place);
}

void OpenPlaces::end() {
    for (std::size_t place = 0; place < is_open_.size(); ++place) {
        if (!is_open_[place]) continue;
        const TensorHome& home = plan_->homes[at(plan_->places[place].tensor)];
        if (home.home == Home::kResident) continue;
        if (uses_left_[place] == 0)
            close(static_cast<std::int32_t>(place));
        else
            is_over_[place] = true;  // a copy out is still reading
    }
}

void OpenPlaces::open(std::int32_t index) {
    const Place& place = plan_->places[at(index)];
    if (use_count_[at(index)] == 0 && !stays_[at(index)])
        return;  // an input that nothing reads: over once it is written
    if (is_open_[at(index)]) throw InternalError("place " + std::to_string(index) + " is opened while it is in use");
    is_open_[at(index)] = true;
    is_over_[at(index)] = false;
    uses_left_[at(index)] = use_count_[at(index)];
    bytes_ += place.bytes;
    if (place.bytes == 0) return;
    const auto next = ranges_.lower_bound(place.offset);
    const bool meets_next = next != ranges_.end() && next->first < place.offset + place.bytes;
    const bool meets_previous = next != ranges_.begin() && std::prev(next)->second > place.offset;
    if (meets_next || meets_previous)
        throw InternalError("place " + std::to_string(index) + " is opened on bytes that are in use");
    ranges_.emplace_hint(next, place.offset, place.offset + place.bytes);
}

void OpenPlaces::close(std::int32_t index) {
    const Place& place = plan_->places[at(index)];
    is_open_[at(index)] = false;
    bytes_ -= place.bytes;
    if (place.bytes > 0) ranges_.erase(place.offset);
}

}  // namespace tensile
