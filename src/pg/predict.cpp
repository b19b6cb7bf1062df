// tensile.predict() and tensile.predict_row(): predictions for one row.
#include "pg/boundary.h"
#include "pg/engine_link.h"

#include "pg/arguments.h"
#include "pg/prediction_result.h"
#include "pg/row_predictor.h"

namespace tensile {
namespace {

// What a call site of predict() keeps.
struct PredictCall {
    RowPredictor* predictor;
    std::uint64_t output_generation;  // for which `output` holds
    char* task;                       // null: the model's only one
    int output;
};

// What a call site of predict_row() keeps.
struct PredictRowCall {
    RowPredictor* predictor;
    std::uint64_t output_generation;  // for which `shape` holds
    MemoryContext shape_context;
    ResultShape shape;
    Datum* values;
    bool* nulls;
};

const char* list_tasks(const ModelOutputs& outputs) {
    StringInfoData names{};
    initStringInfo(&names);
    for (int i = 0; i < outputs.count; ++i)
        appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", outputs.outputs[i].task);
    return names.data;
}

// Which output predict() returns.
int choose_output(const ModelOutputs& outputs, const char* model_name, const char* task) {
    int chosen = -1;
    for (int i = 0; i < outputs.count; ++i) {
        if (task == nullptr || strcmp(outputs.outputs[i].task, task) == 0) chosen = i;
    }
    if (chosen < 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" has no target \"%s\"", model_name, task != nullptr ? task : ""),
                        errhint("Its targets are %s.", list_tasks(outputs))));
    if (task == nullptr && outputs.count > 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("model \"%s\" has %d targets, and tensile.predict() returns one value", model_name,
                               outputs.count),
                        errdetail("Its targets are %s.", list_tasks(outputs)),
                        errhint("Name one with task => '...', or use tensile.predict_row().")));
    const ModelOutput& output = outputs.outputs[chosen];
    if (output.is_class && !output.is_binary)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("target \"%s\" of model \"%s\" has more than two classes", output.task, model_name),
                 errdetail("tensile.predict() returns the value of a regression or the probability of the positive "
                           "class."),
                 errhint("Use tensile.predict_row(), which returns the likeliest class.")));
    return chosen;
}

text* model_argument(FunctionCallInfo fcinfo, const char* function) {
    require_argument(fcinfo, 0, function, "model");
    return PG_GETARG_TEXT_PP(0);
}

// The value of the output that this call asks for.
double predicted_value(PredictCall& call, FunctionCallInfo fcinfo, text* model_name, bool& is_null) {
    RowPredictor& predictor = *call.predictor;
    const char* task = PG_ARGISNULL(2) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(2));
    const bool same_task =
        (task == nullptr) == (call.task == nullptr) && (task == nullptr || strcmp(task, call.task) == 0);
    if (call.output_generation != predictor.output_generation || !same_task) {
        call.output_generation = 0;
        call.output = choose_output(predictor.outputs, text_to_cstring(model_name), task);
        call.task = task != nullptr ? MemoryContextStrdup(predictor.context, task) : nullptr;
        call.output_generation = predictor.output_generation;
    }
    is_null = predictor.number_nulls[call.output];
    return predictor.numbers[call.output];
}

// The shape of predict_row()'s result: what the caller's list declares, else a record of its own.
void choose_shape(PredictRowCall& call, FunctionCallInfo fcinfo) {
    RowPredictor& predictor = *call.predictor;
    if (call.output_generation == predictor.output_generation) return;
    call.output_generation = 0;
    MemoryContextReset(call.shape_context);
    MemoryContext caller = MemoryContextSwitchTo(call.shape_context);
    const ResultNaming naming{"predict_row", "", nullptr};
    TupleDesc list = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &list) == TYPEFUNC_COMPOSITE && list != nullptr) {
        call.shape = shape_of_list(list, predictor.outputs, naming);
    } else {
        call.shape = whole_shape(predictor.outputs, naming);
    }
    const auto count = static_cast<std::size_t>(call.shape.descriptor->natts + 1);
    call.values = static_cast<Datum*>(palloc0(sizeof(Datum) * count));
    call.nulls = static_cast<bool*>(palloc0(sizeof(bool) * count));
    MemoryContextSwitchTo(caller);
    call.output_generation = predictor.output_generation;
}

Datum form_row(PredictRowCall& call) {
    const RowPredictor& predictor = *call.predictor;
    for (int i = 0; i < call.shape.descriptor->natts; ++i) {
        const ResultColumn& column = call.shape.columns[i];
        call.nulls[i] = predictor.number_nulls[column.output];
        if (call.nulls[i]) {
            call.values[i] = 0;
        } else if (column.part == ResultPart::kLabel) {
            call.values[i] =
                label_datum(call.shape, i, predictor.labels[column.output], predictor.label_lengths[column.output]);
        } else {
            call.values[i] = Float8GetDatum(predictor.numbers[column.output]);
        }
    }
    return HeapTupleGetDatum(heap_form_tuple(call.shape.descriptor, call.values, call.nulls));
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_predict);
PG_FUNCTION_INFO_V1(tensile_predict_row);

Datum tensile_predict(PG_FUNCTION_ARGS) {
    using namespace tensile;
    text* model_name = model_argument(fcinfo, "predict");
    if (PG_ARGISNULL(1)) PG_RETURN_NULL();
    auto* call = static_cast<PredictCall*>(fcinfo->flinfo->fn_extra);
    if (call == nullptr) {
        MemoryContext context = fcinfo->flinfo->fn_mcxt;
        call = static_cast<PredictCall*>(MemoryContextAllocZero(context, sizeof(PredictCall)));
        call->predictor = make_row_predictor(context);
        fcinfo->flinfo->fn_extra = call;
    }
    predict_row(*call->predictor, model_name, PG_GETARG_HEAPTUPLEHEADER(1));
    bool is_null = false;
    const double value = predicted_value(*call, fcinfo, model_name, is_null);
    if (is_null) PG_RETURN_NULL();
    PG_RETURN_FLOAT8(value);
}

Datum tensile_predict_row(PG_FUNCTION_ARGS) {
    using namespace tensile;
    text* model_name = model_argument(fcinfo, "predict_row");
    if (PG_ARGISNULL(1)) PG_RETURN_NULL();
    auto* call = static_cast<PredictRowCall*>(fcinfo->flinfo->fn_extra);
    if (call == nullptr) {
        MemoryContext context = fcinfo->flinfo->fn_mcxt;
        call = static_cast<PredictRowCall*>(MemoryContextAllocZero(context, sizeof(PredictRowCall)));
        call->predictor = make_row_predictor(context);
        call->shape_context = AllocSetContextCreate(context, "tensile result shape", ALLOCSET_SMALL_SIZES);
        fcinfo->flinfo->fn_extra = call;
    }
    predict_row(*call->predictor, model_name, PG_GETARG_HEAPTUPLEHEADER(1));
    choose_shape(*call, fcinfo);
    PG_RETURN_DATUM(form_row(*call));
}
}
