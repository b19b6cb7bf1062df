// See element_updates.h.
#include "graph/element_updates.h"

#include <algorithm>

namespace tensile {

bool is_updated_by_element(const Program& program, ValueId variable) {
    const auto is_stored_in_it = [&](ValueId id) { return program.storage_of(id) == variable; };
    if (std::ranges::any_of(program.outputs(), is_stored_in_it, &NamedValue::value)) return false;
    bool is_used = false;
    for (const Node& node : program.nodes())
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (!is_stored_in_it(node.inputs[i])) continue;
            if (!node.op->updates_by_element(static_cast<int>(i))) return false;
            is_used = true;
        }
    return is_used;
}

}  // namespace tensile
