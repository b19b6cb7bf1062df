// tensile.explain_plan(): the plan of a model's running training, as the engine tells it, or else the one that is
// stored with the model's current version. It never starts an engine. The right to use the model is needed; of a model
// that is not stored yet, only its trainer sees the plan.
#include <string_view>

#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_monitor.h"
#include "pg/result_rows.h"
#include "pg/supervisor_control.h"
#include "tensor/error.h"

#include "pg/arguments.h"
#include "pg/catalog.h"
#include "pg/model_session.h"

namespace tensile {
namespace {

// Returns whether a training of that model runs. An engine that cannot be asked runs none.
bool append_live_plan(FunctionCallInfo call, std::string_view model, std::string_view user) {
    ResultRows result(call);
    if (live_supervisor(current_supervisor_state()) == 0) return false;
    client::MonitorTable plan;
    try {
        EngineSession& engine = EngineSession::shared(EngineStart::kNever);
        client::request_plan(engine.connection(), model, user);
        plan = read_monitor(engine);
    } catch (const Error&) {
        return false;
    }
    if (plan.rows.empty()) return false;
    result.append(arranged(std::move(plan), result.columns()));
    return true;
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_explain_plan);

Datum tensile_explain_plan(PG_FUNCTION_ARGS) {
    using namespace tensile;
    const char* name = text_argument(fcinfo, 0, "explain_plan", "model");
    StoredModel model{};
    const bool is_stored = find_stored_model(name, model) && OidIsValid(find_carrier(model.id));
    ModelVersion version{};
    if (is_stored) version = find_version(name);
    const char* utf8_name = to_utf8(name);
    const char* user = is_stored ? "" : to_utf8(GetUserNameFromId(GetUserId(), false));
    if (run_cpp([&] { return append_live_plan(fcinfo, utf8_name, user); })) return 0;
    if (!is_stored) ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name)));
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (!append_plan(version.version, result->setResult, result->setDesc))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("no plan is stored with version %d of model \"%s\"", version.number, name),
                        errhint("Train it again with replace => true.")));
    return 0;
}
}
