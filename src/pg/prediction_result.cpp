// See prediction_result.h.
#include "tensor/error.h"

#include "pg/model_session.h"
#include "pg/prediction_result.h"

extern "C" {
#include "parser/scansup.h"
}

namespace tensile {

// A label whose datum has been made before.
struct KnownLabel {
    const char* text;
    std::uint32_t length;
    Datum datum;
};

namespace {

// Labels beyond these are converted each time they occur.
constexpr int kMaxKnownLabels = 64;

// The type that `name` says, as the model's training saw it; text when it is gone or was never a type of SQL.
void resolve_type(const char* name, Oid& type, std::int32_t& modifier) {
    type = InvalidOid;
    modifier = -1;
    if (name[0] != '\0') parseTypeString(name, &type, &modifier, true);
    if (!OidIsValid(type)) {
        type = TEXTOID;
        modifier = -1;
    }
}

// A result column as it may be asked for.
struct Available {
    const char* name;
    ResultPart part;
    int index;
    Oid type;
    std::int32_t type_modifier;
};

struct AvailableColumns {
    int count;
    Available* columns;
};

// A name as it would come out of a column definition list.
const char* identifier(const char* prefix, const char* task) {
    char* name = psprintf("%s%s", prefix, task);
    truncate_identifier(name, static_cast<int>(strlen(name)), false);
    return name;
}

AvailableColumns available_columns(const ModelOutputs& outputs, const ResultNaming& naming) {
    const int source_count = naming.source != nullptr ? naming.source->natts : 0;
    AvailableColumns available{};
    available.columns = static_cast<Available*>(
        palloc0(sizeof(Available) * static_cast<std::size_t>(source_count + 2 * outputs.count)));
    for (int i = 0; i < source_count; ++i) {
        const Form_pg_attribute form = TupleDescAttr(naming.source, i);
        if (form->attisdropped) continue;
        available.columns[available.count++] = {NameStr(form->attname), ResultPart::kSource, i, form->atttypid,
                                                form->atttypmod};
    }
    for (int i = 0; i < outputs.count; ++i) {
        const ModelOutput& output = outputs.outputs[i];
        const char* prediction = identifier(naming.prediction_prefix, output.task);
        if (output.is_class) {
            available.columns[available.count++] = {prediction, ResultPart::kLabel, i, output.label_type,
                                                    output.label_type_modifier};
            available.columns[available.count++] = {identifier("probability_", output.task), ResultPart::kProbability,
                                                    i, FLOAT8OID, -1};
        } else {
            available.columns[available.count++] = {prediction, ResultPart::kValue, i, FLOAT8OID, -1};
        }
    }
    return available;
}

const char* list_names(const AvailableColumns& available) {
    StringInfoData names{};
    initStringInfo(&names);
    for (int i = 0; i < available.count; ++i) {
        const Available& column = available.columns[i];
        appendStringInfo(&names, "%s%s %s", i > 0 ? ", " : "", quote_identifier(column.name),
                         format_type_with_typemod(column.type, column.type_modifier));
    }
    return names.data;
}

ResultColumn make_column(const Available& source, Oid type, std::int32_t type_modifier) {
    ResultColumn column{};
    column.part = source.part;
    (source.part == ResultPart::kSource ? column.source : column.output) = source.index;
    if (source.part == ResultPart::kLabel) {
        column.label_type = type;
        column.type_modifier = type_modifier;
        Oid input = InvalidOid;
        getTypeInputInfo(type, &input, &column.input_parameter);
        fmgr_info(input, &column.input);
        column.known = static_cast<KnownLabel*>(palloc0(sizeof(KnownLabel) * kMaxKnownLabels));
    }
    return column;
}

ResultShape make_shape(int count) {
    ResultShape shape{};
    shape.context = CurrentMemoryContext;
    shape.columns = static_cast<ResultColumn*>(palloc0(sizeof(ResultColumn) * static_cast<std::size_t>(count + 1)));
    return shape;
}

Datum make_label(ResultColumn& column, const char* text, std::uint32_t length) {
    char* terminated = pnstrdup(text, length);
    return InputFunctionCall(&column.input, const_cast<char*>(from_utf8(terminated)), column.input_parameter,
                             column.type_modifier);
}

}  // namespace

ModelOutputs copy_outputs(const std::vector<client::OutputDeclaration>& declarations) {
    ModelOutputs copy{};
    copy.outputs = static_cast<ModelOutput*>(palloc0(sizeof(ModelOutput) * (declarations.size() + 1)));
    for (const client::OutputDeclaration& declaration : declarations) {
        ModelOutput& output = copy.outputs[copy.count++];
        output.task = pstrdup(from_utf8(declaration.task.c_str()));
        output.is_class = strcmp(declaration.kind.c_str(), "regression") != 0;
        output.is_binary = strcmp(declaration.kind.c_str(), "binary") == 0;
        resolve_type(from_utf8(declaration.type_name.c_str()), output.label_type, output.label_type_modifier);
        output.value_column = copy.block_columns++;
        output.label_column = output.is_class ? copy.block_columns++ : -1;
    }
    return copy;
}

void check_prediction(const protocol::BlockView& view, const ModelOutputs& outputs, std::size_t rows) {
    bool fits = view.row_count == rows && view.columns.size() == static_cast<std::size_t>(outputs.block_columns);
    for (int i = 0; fits && i < outputs.count; ++i) {
        const ModelOutput& output = outputs.outputs[i];
        fits = view.columns[static_cast<std::size_t>(output.value_column)].type == protocol::ElementType::kF64 &&
               (!output.is_class ||
                view.columns[static_cast<std::size_t>(output.label_column)].type == protocol::ElementType::kText);
    }
    if (!fits)
        throw Error(sqlstate::kProtocolViolation, "unexpected predictions from the tensile engine",
                    "They do not have the columns or the rows that were asked for.");
}

ResultShape shape_of_list(TupleDesc list, const ModelOutputs& outputs, const ResultNaming& naming) {
    const AvailableColumns available = available_columns(outputs, naming);
    ResultShape shape = make_shape(list->natts);
    for (int i = 0; i < list->natts; ++i) {
        const Form_pg_attribute asked = TupleDescAttr(list, i);
        const Available* found = nullptr;
        for (int j = 0; j < available.count && found == nullptr; ++j) {
            if (strcmp(available.columns[j].name, NameStr(asked->attname)) == 0) found = &available.columns[j];
        }
        if (found == nullptr)
            ereport(ERROR,
                    (errcode(ERRCODE_DATATYPE_MISMATCH),
                     errmsg("column \"%s\" is not a result of tensile.%s()", NameStr(asked->attname), naming.function),
                     errhint("Available here: %s.", list_names(available))));
        const bool any_modifier = found->type_modifier == -1 || asked->atttypmod == -1;
        const bool same = asked->atttypid == found->type && (any_modifier || asked->atttypmod == found->type_modifier);
        const bool label_as_text = found->part == ResultPart::kLabel && asked->atttypid == TEXTOID;
        if (!same && !label_as_text)
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("column \"%s\" of tensile.%s() must be declared as %s, not %s", found->name,
                                   naming.function, format_type_with_typemod(found->type, found->type_modifier),
                                   format_type_with_typemod(asked->atttypid, asked->atttypmod))));
        shape.columns[i] = make_column(*found, asked->atttypid, asked->atttypmod);
    }
    shape.descriptor = BlessTupleDesc(CreateTupleDescCopy(list));
    return shape;
}

ResultShape whole_shape(const ModelOutputs& outputs, const ResultNaming& naming) {
    const AvailableColumns available = available_columns(outputs, naming);
    ResultShape shape = make_shape(available.count);
    TupleDesc descriptor = CreateTemplateTupleDesc(available.count);
    for (int i = 0; i < available.count; ++i) {
        const Available& column = available.columns[i];
        TupleDescInitEntry(descriptor, static_cast<AttrNumber>(i + 1), column.name, column.type, column.type_modifier,
                           0);
        shape.columns[i] = make_column(column, column.type, column.type_modifier);
    }
    shape.descriptor = BlessTupleDesc(descriptor);
    return shape;
}

Datum label_datum(ResultShape& shape, int index, const char* text, std::uint32_t length) {
    ResultColumn& column = shape.columns[index];
    for (int i = 0; i < column.known_count; ++i) {
        const KnownLabel& known = column.known[i];
        if (known.length == length && memcmp(known.text, text, length) == 0) return known.datum;
    }
    if (column.known_count == kMaxKnownLabels) return make_label(column, text, length);
    MemoryContext caller = MemoryContextSwitchTo(shape.context);
    const Datum datum = make_label(column, text, length);
    column.known[column.known_count++] = {pnstrdup(text, length), length, datum};
    MemoryContextSwitchTo(caller);
    return datum;
}

Datum result_value(ResultShape& shape, int column, const ModelOutputs& outputs, const protocol::BlockView& view,
                   std::size_t row, bool& is_null) {
    const ResultColumn& result = shape.columns[column];
    const ModelOutput& output = outputs.outputs[result.output];
    const auto block_column =
        static_cast<std::size_t>(result.part == ResultPart::kLabel ? output.label_column : output.value_column);
    const std::uint8_t* nulls = view.nulls(block_column);
    is_null = nulls != nullptr && nulls[row] != 0;
    if (is_null) return 0;
    if (result.part != ResultPart::kLabel)
        return Float8GetDatum(static_cast<const double*>(view.values(block_column))[row]);
    const protocol::TextReference label = static_cast<const protocol::TextReference*>(view.values(block_column))[row];
    return label_datum(shape, column, view.heap + label.offset, label.length);
}

}  // namespace tensile
