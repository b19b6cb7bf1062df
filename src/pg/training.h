// One training from a query to a stored version: reads the rows of the query (and of the relations that the engine asks
// for beside it), has the engine train a model on them, and stores it. The caller's rights hold for all that is read;
// the catalog is written when the training has ended, in the caller's transaction.
//
// Everything here runs in PostgreSQL frames: it may ereport and holds no C++ destructors.
#pragma once

#include "pg/catalog.h"

namespace tensile {

// All texts in the database's encoding.
struct TrainingArguments {
    const char* name;
    const char* method;
    const char* query;
    Datum target_array;  // text[], and its elements
    const char** targets;
    int target_count;
    const char* options;  // JSON
    bool replace;
    const ModelVersion* base;  // whose weights the training goes on from; null: none
    CostProfiles cost_profiles;
};

// Fills targets and their number from target_array, which holds no NULL.
void read_targets(TrainingArguments& arguments);

// Appends (task, metric, value) rows to the function's result. Errors: those of check_may_store(), of the query, and
// whatever the engine answers.
void train_and_store(FunctionCallInfo fcinfo, TrainingArguments& arguments);

}  // namespace tensile
