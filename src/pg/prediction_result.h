// The columns that predictions come back in: the outputs of a model, which result columns a caller may ask for, and how
// values from the engine become datums of the type asked for. Knows neither queries nor the engine's connection.
//
// Plain structures in memory contexts; everything here runs in PostgreSQL frames unless marked C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/replies.h"
#include "protocol/column_block.h"

#include "pg/pg_api.h"

namespace tensile {

struct ModelOutput {
    const char* task;
    bool is_class;   // has a label besides its number
    bool is_binary;  // the number is the probability of the positive class
    Oid label_type;  // as the target was when the model was trained; text if that type is gone
    std::int32_t label_type_modifier;
    int value_column;  // in the block that answers a prediction
    int label_column;  // -1 for a regression
};

struct ModelOutputs {
    int count;
    int block_columns;
    ModelOutput* outputs;
};

// Copies what the engine declared into the current memory context.
ModelOutputs copy_outputs(const std::vector<client::OutputDeclaration>& declarations);

// C++: throws unless the block has the columns of `outputs` and `rows` rows.
void check_prediction(const protocol::BlockView& view, const ModelOutputs& outputs, std::size_t rows);

enum class ResultPart : std::uint8_t {
    kSource,       // a column of the query, passed through
    kValue,        // value of a regression
    kLabel,        // likeliest class
    kProbability,  // of the positive, or of the likeliest class
};

struct KnownLabel;

struct ResultColumn {
    ResultPart part;
    int source;  // attribute of the query's row (0-based), for kSource
    int output;  // for the others
    // Labels as datums.
    Oid label_type;
    FmgrInfo input;
    Oid input_parameter;
    std::int32_t type_modifier;
    int known_count;
    KnownLabel* known;
};

struct ResultShape {
    TupleDesc descriptor;  // blessed
    ResultColumn* columns;
    MemoryContext context;  // of labels that are kept
};

// What names the predictions: predict_row calls a column as its task, predict_query, whose columns may include the
// target itself, predicted_<task>; the probability of a class is probability_<task> in both.
struct ResultNaming {
    const char* function;
    const char* prediction_prefix;
    TupleDesc source;  // the query's columns, or null
};

// The shape that a column definition list asks for: any of the available columns, in any order. Error 42804 for a name
// that is not available or a type that is not exactly right.
ResultShape shape_of_list(TupleDesc list, const ModelOutputs& outputs, const ResultNaming& naming);
// Everything that is available.
ResultShape whole_shape(const ModelOutputs& outputs, const ResultNaming& naming);

// A label as the datum that label column `column` wants; by-reference values as below.
Datum label_datum(ResultShape& shape, int column, const char* text, std::uint32_t length);

// The value of a prediction column for row `row` of a checked block. By-reference values live in the current memory
// context or in the shape's.
Datum result_value(ResultShape& shape, int column, const ModelOutputs& outputs, const protocol::BlockView& view,
                   std::size_t row, bool& is_null);

}  // namespace tensile
