// tensile.train() and tensile.refresh(): what they are asked, and the version that a refresh goes on from.
#include "pg/boundary.h"

#include "pg/arguments.h"
#include "pg/catalog.h"
#include "pg/training.h"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
}

namespace tensile {

void read_targets(TrainingArguments& arguments) {
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    deconstruct_array(DatumGetArrayTypeP(arguments.target_array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
                      &arguments.target_count);
    arguments.targets =
        static_cast<const char**>(palloc(sizeof(char*) * static_cast<std::size_t>(arguments.target_count + 1)));
    for (int i = 0; i < arguments.target_count; ++i) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a target of tensile.train() is null")));
        arguments.targets[i] = TextDatumGetCString(elements[i]);
    }
}

namespace {

TrainingArguments train_arguments(FunctionCallInfo fcinfo) {
    TrainingArguments arguments{};
    arguments.name = text_argument(fcinfo, 0, "train", "name");
    arguments.method = text_argument(fcinfo, 1, "train", "method");
    arguments.query = text_argument(fcinfo, 2, "train", "query");
    require_argument(fcinfo, 3, "train", "target");
    require_argument(fcinfo, 4, "train", "options");
    require_argument(fcinfo, 5, "train", "replace");
    check_model_name(arguments.name);
    arguments.target_array = PG_GETARG_DATUM(3);
    read_targets(arguments);
    arguments.options = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(4)));
    arguments.replace = PG_GETARG_BOOL(5);
    return arguments;
}

// Method, targets, query and options of the version, the latter two as far as the caller gives no others.
TrainingArguments refresh_arguments(FunctionCallInfo fcinfo, const char* name, const ModelVersion& base) {
    require_argument(fcinfo, 2, "refresh", "options");
    const VersionSource source = read_source(base.version);
    TrainingArguments arguments{};
    arguments.name = name;
    arguments.method = source.method;
    arguments.query = PG_ARGISNULL(1) ? source.query : text_argument(fcinfo, 1, "refresh", "query");
    arguments.target_array = source.targets;
    read_targets(arguments);
    const Datum stored = DirectFunctionCall1(jsonb_in, CStringGetDatum(source.options));
    const Datum merged = DirectFunctionCall2(jsonb_concat, stored, PG_GETARG_DATUM(2));
    arguments.options = DatumGetCString(DirectFunctionCall1(jsonb_out, merged));
    arguments.replace = true;
    arguments.base = &base;
    return arguments;
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_train);
PG_FUNCTION_INFO_V1(tensile_refresh);

Datum tensile_train(PG_FUNCTION_ARGS) {
    using namespace tensile;
    InitMaterializedSRF(fcinfo, 0);
    PreventCommandIfReadOnly("tensile.train()");
    TrainingArguments arguments = train_arguments(fcinfo);
    train_and_store(fcinfo, arguments);
    return 0;
}

Datum tensile_refresh(PG_FUNCTION_ARGS) {
    using namespace tensile;
    InitMaterializedSRF(fcinfo, 0);
    PreventCommandIfReadOnly("tensile.refresh()");
    const char* name = text_argument(fcinfo, 0, "refresh", "name");
    const ModelVersion base = find_version(name);
    TrainingArguments arguments = refresh_arguments(fcinfo, name, base);
    train_and_store(fcinfo, arguments);
    return 0;
}
}
