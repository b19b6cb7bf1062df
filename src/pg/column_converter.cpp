// See column_converter.h.
#include "pg/column_converter.h"

namespace tensile {
namespace {

struct EnumLabel {
    Oid value;  // hash key
    std::uint32_t length;
    const char* text;  // UTF-8
};

// pgvector's varlena: dimensions, a reserved word, then the elements.
struct VectorLayout {
    std::int32_t varlena_header;
    std::int16_t dimensions;
    std::int16_t reserved;
    float elements[FLEXIBLE_ARRAY_MEMBER];
};

// True for the type "vector" of the extension "vector", and only for it.
bool is_pgvector(Oid type) {
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool named_vector = strcmp(NameStr(reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typname), "vector") == 0;
    ReleaseSysCache(tuple);
    if (!named_vector) return false;
    const Oid extension = getExtensionOfObject(TypeRelationId, type);
    if (!OidIsValid(extension)) return false;
    const char* name = get_extension_name(extension);
    return name != nullptr && strcmp(name, "vector") == 0;
}

HTAB* make_label_cache() {
    HASHCTL control{};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(EnumLabel);
    control.hcxt = CurrentMemoryContext;
    return hash_create("tensile enum labels", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

// Fills in what depends on the type; otherwise says what to do about it.
const char* choose_by_type(ColumnConverter& column, Oid base_type) {
    using protocol::ElementType;
    const auto accept = [&](SourceType source, ElementType element, ColumnRole role, bool needs_scratch = false) {
        column.source = source;
        column.element = element;
        column.role = role;
        column.needs_scratch = needs_scratch;
        column.width = element == ElementType::kBlockF32 ? 0 : 1;
        return static_cast<const char*>(nullptr);
    };
    switch (base_type) {
    case INT2OID:
        return accept(SourceType::kInt2, ElementType::kI32, ColumnRole::kNumber);
    case INT4OID:
        return accept(SourceType::kInt4, ElementType::kI32, ColumnRole::kNumber);
    case INT8OID:
        return accept(SourceType::kInt8, ElementType::kI64, ColumnRole::kNumber);
    case FLOAT4OID:
        return accept(SourceType::kFloat4, ElementType::kF32, ColumnRole::kNumber);
    case FLOAT8OID:
        return accept(SourceType::kFloat8, ElementType::kF64, ColumnRole::kNumber);
    case NUMERICOID:
        return accept(SourceType::kNumeric, ElementType::kF64, ColumnRole::kNumber, true);
    case BOOLOID:
        return accept(SourceType::kBool, ElementType::kBool, ColumnRole::kBoolean);
    case TEXTOID:
    case VARCHAROID:
        return accept(SourceType::kText, ElementType::kText, ColumnRole::kText, true);
    case BPCHAROID:
        return accept(SourceType::kBlankPaddedText, ElementType::kText, ColumnRole::kText, true);
    case NAMEOID:
        return accept(SourceType::kName, ElementType::kText, ColumnRole::kText, true);
    case DATEOID:
        return accept(SourceType::kDate, ElementType::kTimestamp, ColumnRole::kTimestamp);
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return accept(SourceType::kTimestamp, ElementType::kTimestamp, ColumnRole::kTimestamp);
    case FLOAT4ARRAYOID:
        return accept(SourceType::kFloat4Array, ElementType::kBlockF32, ColumnRole::kBlock, true);
    case FLOAT8ARRAYOID:
        return accept(SourceType::kFloat8Array, ElementType::kBlockF32, ColumnRole::kBlock, true);
    case TIMEOID:
    case TIMETZOID:
    case INTERVALOID:
        return "Cast it to a number, for example with extract(epoch FROM ...).";
    case JSONOID:
    case JSONBOID:
        return "Select the fields of interest, each cast to its type, or leave it out.";
    case UUIDOID:
        return "Leave it out, or cast it to text if its values are categories.";
    default:
        break;
    }
    if (type_is_enum(base_type)) {
        column.enum_labels = make_label_cache();
        return accept(SourceType::kEnum, ElementType::kText, ColumnRole::kText);
    }
    if (is_pgvector(base_type)) {
        accept(SourceType::kVector, ElementType::kBlockF32, ColumnRole::kBlock, true);
        if (column.type_modifier > 0) column.width = static_cast<std::uint32_t>(column.type_modifier);
        return nullptr;
    }
    if (OidIsValid(get_element_type(base_type)))
        return "Of arrays, real[] and double precision[] are blocks of numbers: cast it to one of them.";
    return "Leave it out, or cast it to a number, boolean, text, date, timestamp or real[].";
}

// The type as it may be written in SQL under any search path, and plainly where it is one of PostgreSQL's own.
const char* type_name_of(Oid type, std::int32_t type_modifier) {
    const bool built_in = type < FirstNormalObjectId;
    return format_type_extended(type, type_modifier,
                                FORMAT_TYPE_TYPEMOD_GIVEN | (built_in ? 0 : FORMAT_TYPE_FORCE_QUALIFY));
}

int compare_names(const void* left, const void* right) {
    return strcmp(*static_cast<const char* const*>(left), *static_cast<const char* const*>(right));
}

void refuse_duplicates(const ColumnConverters& converters) {
    auto** names = static_cast<const char**>(palloc(sizeof(char*) * converters.count));
    for (int i = 0; i < converters.count; ++i)
        names[i] = converters.columns[i].name;
    qsort(names, converters.count, sizeof(char*), compare_names);
    for (int i = 1; i < converters.count; ++i) {
        if (strcmp(names[i - 1], names[i]) == 0)
            ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("column \"%s\" appears more than once", names[i]),
                            errhint("Give each column of the query a name of its own with AS.")));
    }
    pfree(names);
}

// Where `name` is among `count` names, or -1. Two lists of columns mostly have the same order, so the search begins
// behind the place that was found last.
template <typename NameAt>
int find_name(int count, int& next, const char* name, NameAt name_at) {
    for (int i = 0; i < count; ++i) {
        const int candidate = (next + i) % count;
        if (strcmp(name_at(candidate), name) != 0) continue;
        next = candidate + 1;
        return candidate;
    }
    return -1;
}

// Columns named f1, f2, ...: what ROW(...) gives, which has no names of its own.
bool is_anonymous(TupleDesc descriptor) {
    for (int i = 0; i < descriptor->natts; ++i) {
        if (strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), psprintf("f%d", i + 1)) != 0) return false;
    }
    return descriptor->tdtypeid == RECORDOID;
}

// A name that differs from the wanted one in case only, or null.
const char* similar_name(TupleDesc descriptor, const char* wanted) {
    for (int i = 0; i < descriptor->natts; ++i) {
        const Form_pg_attribute form = TupleDescAttr(descriptor, i);
        if (!form->attisdropped && pg_strcasecmp(NameStr(form->attname), wanted) == 0) return NameStr(form->attname);
    }
    return nullptr;
}

void require_all(const WantedColumns& wanted, const ColumnConverters& converters, TupleDesc descriptor) {
    int next = 0;
    for (int i = 0; i < wanted.count; ++i) {
        const auto name_at = [&](int j) { return converters.columns[j].name; };
        if (find_name(converters.count, next, wanted.names[i], name_at) >= 0) continue;
        const char* similar = similar_name(descriptor, wanted.names[i]);
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" of the model is missing", wanted.names[i]),
                 errdetail("The model was trained with it, as %s.", wanted.types[i]),
                 is_anonymous(descriptor)
                     ? errhint("ROW(...) gives its columns no names. Pass a row of a subquery: FROM (SELECT ...) AS s.")
                 : similar != nullptr ? errhint("Perhaps you meant the column \"%s\".", similar)
                                      : 0));
    }
}

}  // namespace

ColumnConverters choose_converters(TupleDesc descriptor, const WantedColumns* wanted) {
    ColumnConverters converters{};
    converters.columns = static_cast<ColumnConverter*>(palloc0(sizeof(ColumnConverter) * (descriptor->natts + 1)));
    auto* attributes = static_cast<int*>(palloc0(sizeof(int) * (descriptor->natts + 1)));
    converters.attributes = attributes;
    int next = 0;
    const auto wanted_name = [&](int i) { return wanted->names[i]; };
    for (int attribute = 0; attribute < descriptor->natts; ++attribute) {
        const Form_pg_attribute form = TupleDescAttr(descriptor, attribute);
        if (form->attisdropped) continue;
        const int place = wanted != nullptr ? find_name(wanted->count, next, NameStr(form->attname), wanted_name) : 0;
        if (place < 0) continue;
        ColumnConverter& column = converters.columns[converters.count];
        column.name = pstrdup(NameStr(form->attname));
        column.utf8_name = pg_server_to_any(column.name, static_cast<int>(strlen(column.name)), PG_UTF8);
        column.type_name = type_name_of(form->atttypid, form->atttypmod);
        column.type = form->atttypid;
        column.type_modifier = form->atttypmod;
        if (const char* hint = choose_by_type(column, getBaseType(form->atttypid)); hint != nullptr)
            ereport(ERROR,
                    (errcode(ERRCODE_DATATYPE_MISMATCH),
                     errmsg("column \"%s\" of type %s cannot be used by a model", column.name, column.type_name),
                     wanted != nullptr ? errdetail("The model was trained with it, as %s.", wanted->types[place]) : 0,
                     errhint("%s", wanted != nullptr ? "You might need to add a type cast." : hint)));
        attributes[converters.count++] = attribute;
        converters.needs_scratch |= column.needs_scratch;
    }
    refuse_duplicates(converters);
    if (wanted != nullptr) require_all(*wanted, converters, descriptor);
    if (converters.count == 0) ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("the query returns no columns")));
    if (static_cast<std::uint32_t>(converters.count) > protocol::kMaxColumns)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("the query returns %d columns, more than %u", converters.count, protocol::kMaxColumns)));
    return converters;
}

TextValue text_value(ColumnConverter& column, Datum value) {
    const char* data = nullptr;
    std::size_t length = 0;
    switch (column.source) {
    case SourceType::kEnum: {
        const Oid oid = DatumGetObjectId(value);
        bool found = false;
        auto* label = static_cast<EnumLabel*>(hash_search(column.enum_labels, &oid, HASH_FIND, &found));
        if (found) return {label->text, label->length};
        HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(oid));
        if (!HeapTupleIsValid(tuple))
            ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                            errmsg("invalid internal value for enum column \"%s\": %u", column.name, oid)));
        const char* name = NameStr(reinterpret_cast<Form_pg_enum>(GETSTRUCT(tuple))->enumlabel);
        const char* utf8 = pg_server_to_any(name, static_cast<int>(strlen(name)), PG_UTF8);
        const char* kept = MemoryContextStrdup(GetMemoryChunkContext(column.enum_labels), utf8);
        ReleaseSysCache(tuple);
        label = static_cast<EnumLabel*>(hash_search(column.enum_labels, &oid, HASH_ENTER, &found));
        label->text = kept;
        label->length = static_cast<std::uint32_t>(strlen(kept));
        return {label->text, label->length};
    }
    case SourceType::kName:
        data = NameStr(*DatumGetName(value));
        length = strnlen(data, NAMEDATALEN);
        break;
    default: {
        varlena* packed = PG_DETOAST_DATUM_PACKED(value);
        data = VARDATA_ANY(packed);
        length = VARSIZE_ANY_EXHDR(packed);
        if (column.source == SourceType::kBlankPaddedText) {
            while (length > 0 && data[length - 1] == ' ')
                --length;
        }
        break;
    }
    }
    if (GetDatabaseEncoding() != PG_UTF8) {
        const char* utf8 = pg_server_to_any(data, static_cast<int>(length), PG_UTF8);
        if (utf8 != data) return {utf8, strlen(utf8)};
    }
    return {data, length};
}

std::int64_t date_to_microseconds(const ColumnConverter& column, DateADT date) {
    if (DATE_IS_NOBEGIN(date)) return DT_NOBEGIN;
    if (DATE_IS_NOEND(date)) return DT_NOEND;
    // Dates reach further into the future than timestamps do.
    if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("date out of range for timestamp in column \"%s\"", column.name)));
    return static_cast<std::int64_t>(date) * USECS_PER_DAY;
}

BlockValue block_value(const ColumnConverter& column, Datum value) {
    BlockValue block{};
    if (column.source == SourceType::kVector) {
        varlena* detoasted = PG_DETOAST_DATUM(value);
        const auto* vector = reinterpret_cast<const VectorLayout*>(detoasted);
        if (vector->dimensions < 1 ||
            VARSIZE(detoasted) != offsetof(VectorLayout, elements) + sizeof(float) * vector->dimensions)
            ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                            errmsg("value of column \"%s\" is not a vector as pgvector stores it", column.name)));
        return {vector->elements, static_cast<std::uint32_t>(vector->dimensions), false};
    }
    ArrayType* array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) == 0)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("array in column \"%s\" is empty", column.name),
                        errhint("Use NULL for a missing array.")));
    if (ARR_NDIM(array) != 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("array in column \"%s\" has %d dimensions", column.name, ARR_NDIM(array)),
                        errdetail("Blocks are one-dimensional arrays of one length.")));
    if (ARR_HASNULL(array) && array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("array in column \"%s\" contains a NULL element", column.name)));
    const int width = ARR_DIMS(array)[0];
    if (static_cast<std::uint32_t>(width) > protocol::kMaxBlockWidth)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("array in column \"%s\" has %d elements, more than %u",
                                                                 column.name, width, protocol::kMaxBlockWidth)));
    block.elements = ARR_DATA_PTR(array);
    block.width = static_cast<std::uint32_t>(width);
    block.is_double = column.source == SourceType::kFloat8Array;
    return block;
}

}  // namespace tensile
