// The list of op cases, put together from its parts; see op_cases.h.
#include "support/op_case_list.h"

#include <algorithm>
#include <iterator>

#include "support/image_op_cases.h"
#include "support/mode_op_cases.h"

namespace tensile::test {

const std::vector<OpCase>& op_cases() {
    static const std::vector<OpCase> cases = [] {
        CaseList list;
        add_matrix_cases(list);
        add_row_cases(list);
        add_training_cases(list);
        std::vector<OpCase> all = list.take();
        std::ranges::move(image_op_cases(), std::back_inserter(all));
        std::ranges::move(mode_op_cases(), std::back_inserter(all));
        return all;
    }();
    return cases;
}

}  // namespace tensile::test
