// Planner support for predict() and predict_row(): what one call costs, so that the planner evaluates cheaper
// conditions first and does not evaluate predictions twice where it can choose.
#include "pg/pg_api.h"

extern "C" {
#include "optimizer/optimizer.h"
}

extern "C" {

PG_FUNCTION_INFO_V1(tensile_predict_support);

Datum tensile_predict_support(PG_FUNCTION_ARGS) {
    // An exchange with the engine takes some 10 microseconds; evaluating an operator takes some 20 nanoseconds.
    constexpr double kOperatorsPerCall = 500;
    Node* request = reinterpret_cast<Node*>(PG_GETARG_POINTER(0));
    if (!IsA(request, SupportRequestCost)) PG_RETURN_POINTER(nullptr);
    auto* cost = reinterpret_cast<SupportRequestCost*>(request);
    cost->startup = 0;
    cost->per_tuple = kOperatorsPerCall * cpu_operator_cost;
    PG_RETURN_POINTER(cost);
}
}
