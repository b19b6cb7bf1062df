// See row_predictor.h.
#include <cstring>
#include <optional>
#include <utility>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"
#include "protocol/segment.h"
#include "tensor/error.h"

#include "pg/prediction_slots.h"
#include "pg/row_predictor.h"

namespace tensile {
namespace {

constexpr std::size_t kBlockAlignment = 64;
constexpr std::size_t kTextRoom = 512 * 1024;  // of one row
// Larger blocks go as a segment: a packet holds no more, and it has a frame of its own.
constexpr std::size_t kInlineLimit = client::kMaxInlineRows - 4096;

ResolutionScope current_scope() {
    const Snapshot snapshot = GetActiveSnapshot();
    ResolutionScope scope{};
    scope.completed_transactions = snapshot->snapXactCompletionCount;
    scope.xmin = snapshot->xmin;
    scope.xmax = snapshot->xmax;
    scope.command = snapshot->curcid;
    scope.subtransaction = GetCurrentSubTransactionId();
    scope.transaction = MyProc->lxid;
    scope.user = GetUserId();
    return scope;
}

bool same_scope(const ResolutionScope& left, const ResolutionScope& right) {
    return left.completed_transactions == right.completed_transactions && left.xmin == right.xmin &&
           left.xmax == right.xmax && left.command == right.command && left.subtransaction == right.subtransaction &&
           left.transaction == right.transaction && left.user == right.user;
}

bool same_text(const text* left, const text* right) {
    return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
           std::memcmp(VARDATA_ANY(left), VARDATA_ANY(right), VARSIZE_ANY_EXHDR(left)) == 0;
}

void resolve(RowPredictor& predictor, text* model_name) {
    const ResolutionScope scope = current_scope();
    const bool same_name = predictor.model_name != nullptr && same_text(predictor.model_name, model_name);
    if (predictor.resolved && same_name && same_scope(predictor.scope, scope)) return;
    predictor.resolved = false;
    if (!same_name) {
        if (predictor.model_name != nullptr) pfree(std::exchange(predictor.model_name, nullptr));
        predictor.model_name = static_cast<text*>(MemoryContextAlloc(predictor.context, VARSIZE_ANY(model_name)));
        std::memcpy(predictor.model_name, model_name, VARSIZE_ANY(model_name));
    }
    const ModelVersion version = find_version(text_to_cstring(model_name));
    if (std::memcmp(version.key, predictor.version.key, kKeyBytes) != 0) predictor.writer = nullptr;
    predictor.version = version;
    predictor.scope = scope;
    predictor.resolved = true;
}

// Chooses the conversion from the row's type to what the version wants, unless it is the last row's.
void bind_row_type(RowPredictor& predictor, HeapTupleHeader row) {
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t modifier = HeapTupleHeaderGetTypMod(row);
    const std::uint64_t identity = assign_record_type_identifier(type, modifier);
    if (predictor.writer != nullptr && predictor.row_type == identity) return;
    predictor.writer = nullptr;
    predictor.slot = 0;
    MemoryContextReset(predictor.row_context);
    MemoryContext caller = MemoryContextSwitchTo(predictor.row_context);
    TupleDesc shared = lookup_rowtype_tupdesc(type, modifier);
    predictor.descriptor = CreateTupleDescCopy(shared);
    ReleaseTupleDesc(shared);
    const auto natts = static_cast<std::size_t>(predictor.descriptor->natts);
    predictor.values = static_cast<Datum*>(palloc0(sizeof(Datum) * (natts + 1)));
    predictor.nulls = static_cast<bool*>(palloc0(sizeof(bool) * (natts + 1)));
    predictor.buffer = nullptr;
    predictor.buffer_bytes = 0;
    const WantedColumns wanted = wanted_columns(predictor.version, ColumnUse::kFeatures);
    predictor.writer = make_block_writer(choose_converters(predictor.descriptor, &wanted), 1);
    predictor.row_type = identity;
    MemoryContextSwitchTo(caller);
}

// Begins the block of one row, in a buffer that is large enough whatever widths its arrays turn out to have.
void begin_row(RowPredictor& predictor) {
    std::size_t bytes = block_size(*predictor.writer, 1, kTextRoom) + kBlockAlignment;
    for (int i = 0; i < predictor.writer->converters.count; ++i) {
        if (predictor.writer->converters.columns[i].width == 0) bytes += protocol::kMaxBlockWidth * sizeof(float);
    }
    if (predictor.buffer == nullptr || bytes > predictor.buffer_bytes) {
        if (predictor.buffer != nullptr) pfree(predictor.buffer);
        predictor.buffer = static_cast<std::byte*>(MemoryContextAllocHuge(predictor.row_context, bytes));
        predictor.buffer_bytes = bytes;
    }
    auto* aligned = reinterpret_cast<std::byte*>(TYPEALIGN(kBlockAlignment, predictor.buffer));
    begin_block(*predictor.writer, {aligned, predictor.buffer_bytes - kBlockAlignment});
}

std::span<const std::byte> convert_row(RowPredictor& predictor, HeapTupleHeader row) {
    HeapTupleData tuple{};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    tuple.t_data = row;
    heap_deform_tuple(&tuple, predictor.descriptor, predictor.values, predictor.nulls);
    if (predictor.buffer == nullptr) {
        begin_row(predictor);
    } else {
        restart_block(*predictor.writer);
    }
    while (!append_row(*predictor.writer, predictor.values, predictor.nulls))
        begin_row(predictor);
    const std::size_t used = finish_block(*predictor.writer);
    return {predictor.writer->block, used};
}

// C++ from here to predict_row().

// Copies the engine's declaration of the outputs to where PostgreSQL code can use it.
void take_outputs(RowPredictor& predictor, const std::vector<client::OutputDeclaration>& declarations) {
    call_postgres([&] {
        MemoryContextReset(predictor.output_context);
        MemoryContext caller = MemoryContextSwitchTo(predictor.output_context);
        predictor.outputs = copy_outputs(declarations);
        const auto count = static_cast<std::size_t>(predictor.outputs.count + 1);
        predictor.numbers = static_cast<double*>(palloc0(sizeof(double) * count));
        predictor.number_nulls = static_cast<bool*>(palloc0(sizeof(bool) * count));
        predictor.labels = static_cast<const char**>(palloc0(sizeof(char*) * count));
        predictor.label_lengths = static_cast<std::uint32_t*>(palloc0(sizeof(std::uint32_t) * count));
        MemoryContextSwitchTo(caller);
    });
    ++predictor.output_generation;
}

PredictionSlot& current_slot(RowPredictor& predictor, EngineSession& engine) {
    PredictionSlots& slots = PredictionSlots::shared();
    if (predictor.slot != 0 && predictor.connection == engine.number()) {
        if (PredictionSlot* slot = slots.find(engine.number(), predictor.slot)) return *slot;
    }
    PredictionSlot& slot = slots.open(engine, predictor.version, predictor.writer->converters);
    take_outputs(predictor, slot.outputs);
    predictor.connection = engine.number();
    predictor.slot = slot.number;
    return slot;
}

void take_prediction(RowPredictor& predictor, PredictionSlot& slot, const protocol::BlockView& view) {
    check_prediction(view, predictor.outputs, 1);
    slot.labels.clear();
    for (int i = 0; i < predictor.outputs.count; ++i) {
        const ModelOutput& output = predictor.outputs.outputs[i];
        const auto value_column = static_cast<std::size_t>(output.value_column);
        const std::uint8_t* nulls = view.nulls(value_column);
        predictor.number_nulls[i] = nulls != nullptr && nulls[0] != 0;
        predictor.numbers[i] = static_cast<const double*>(view.values(value_column))[0];
        predictor.label_lengths[i] = 0;
        if (!output.is_class) continue;
        const auto& label =
            *static_cast<const protocol::TextReference*>(view.values(static_cast<std::size_t>(output.label_column)));
        slot.labels.append(view.heap + label.offset, label.length);
        predictor.label_lengths[i] = label.length;
    }
    const char* label = slot.labels.data();
    for (int i = 0; i < predictor.outputs.count; ++i) {
        predictor.labels[i] = label;
        label += predictor.label_lengths[i];
    }
}

void exchange_row(RowPredictor& predictor, std::span<const std::byte> block) {
    EngineSession& engine = EngineSession::shared();
    PredictionSlot& slot = current_slot(predictor, engine);
    protocol::Segment segment;
    if (block.size() > kInlineLimit) {
        std::optional<protocol::Segment> created = protocol::Segment::create(block.size());
        if (!created)
            throw Error(sqlstate::kOutOfMemory, "could not allocate memory to send a row to the tensile engine");
        segment = std::move(*created);
        std::memcpy(segment.bytes().data(), block.data(), block.size());
    }
    client::Reply reply = exchange_with_model(engine, predictor.version, [&](client::Connection& connection) {
        if (segment) {
            client::request_predict(connection, slot.number, segment, block.size());
        } else {
            client::request_predict(connection, slot.number, block);
        }
    });
    const std::optional<client::Prediction> prediction = client::prediction(std::move(reply));
    if (!prediction)
        throw Error(sqlstate::kProtocolViolation, "unexpected reply from the tensile engine",
                    "It asked for a model again.");
    take_prediction(predictor, slot, prediction->view);
}

}  // namespace

RowPredictor* make_row_predictor(MemoryContext context) {
    auto* predictor = static_cast<RowPredictor*>(MemoryContextAllocZero(context, sizeof(RowPredictor)));
    predictor->context = context;
    predictor->row_context = AllocSetContextCreate(context, "tensile row type", ALLOCSET_SMALL_SIZES);
    predictor->output_context = AllocSetContextCreate(context, "tensile outputs", ALLOCSET_SMALL_SIZES);
    return predictor;
}

void predict_row(RowPredictor& predictor, text* model_name, HeapTupleHeader row) {
    resolve(predictor, model_name);
    bind_row_type(predictor, row);
    const std::span<const std::byte> block = convert_row(predictor, row);
    run_cpp([&] { exchange_row(predictor, block); });
    // A label's type may run code of its own (a domain's check), which may predict as well and use the slot again.
    for (int i = 0; i < predictor.outputs.count; ++i) {
        if (predictor.outputs.outputs[i].is_class)
            predictor.labels[i] = pnstrdup(predictor.labels[i], predictor.label_lengths[i]);
    }
}

}  // namespace tensile
