// Predictions for single rows, as predict() and predict_row() make them: what one call site keeps between calls, so
// that a row costs its conversion and one exchange. Knows nothing of the functions' results.
//
// PostgreSQL frames; everything lives in the call site's memory context.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/column_block.h"

#include "pg/block_writer.h"
#include "pg/catalog.h"
#include "pg/prediction_result.h"

namespace tensile {

// What must be unchanged for a name to stand for the same version and the caller to have the same rights. Snapshot
// addresses are reused, and a name may be resolved in the middle of a transaction that changes the model, so this is
// the content of the active snapshot and the place in the transaction.
struct ResolutionScope {
    std::uint64_t completed_transactions;
    TransactionId xmin;
    TransactionId xmax;
    CommandId command;
    SubTransactionId subtransaction;
    LocalTransactionId transaction;
    Oid user;
};

struct RowPredictor {
    MemoryContext context;

    bool resolved;
    ResolutionScope scope;
    text* model_name;
    ModelVersion version;

    // The row type and its conversion.
    MemoryContext row_context;
    std::uint64_t row_type;
    TupleDesc descriptor;
    Datum* values;
    bool* nulls;
    BlockWriter* writer;
    std::byte* buffer;
    std::size_t buffer_bytes;

    // In the engine.
    std::uint64_t connection;
    std::uint32_t slot;
    MemoryContext output_context;
    ModelOutputs outputs;
    std::uint64_t output_generation;  // counts up whenever `outputs` is made anew

    // The last prediction, by output.
    double* numbers;
    bool* number_nulls;
    const char** labels;
    std::uint32_t* label_lengths;
};

RowPredictor* make_row_predictor(MemoryContext context);

// Predicts one row; the result is in the predictor until the next call. Label texts live in the current memory context.
void predict_row(RowPredictor& predictor, text* model_name, HeapTupleHeader row);

}  // namespace tensile
