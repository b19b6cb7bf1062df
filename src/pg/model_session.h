// What every use of a stored model has in common: telling the engine about columns, and sending it a model that it does
// not hold. C++ (call inside run_cpp), with PostgreSQL reached through call_postgres.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/engine_link.h"

#include "pg/catalog.h"
#include "pg/column_converter.h"

namespace tensile {

// The declarations of converted columns; they point into the converters.
std::vector<client::ColumnDeclaration> declare_columns(const ColumnConverters& converters);

client::ModelKey key_of(const ModelVersion& version);

// Sends the request that `write_request` writes, again after sending the model's bytes whenever the engine asks for
// them, and returns the answer to it.
client::Reply exchange_with_model(EngineSession& engine, const ModelVersion& version,
                                  const std::function<void(client::Connection&)>& write_request);

// Sends manifest and weights of a version.
void load_model(EngineSession& engine, const ModelVersion& version);

// The outputs of a model over rows of the given columns, opened in the engine as `slot`.
std::vector<client::OutputDeclaration> open_prediction(EngineSession& engine, std::uint32_t slot,
                                                       const ModelVersion& version, const ColumnConverters& converters);

// The columns that the version wants, for choose_converters(). For PostgreSQL frames, as all that follows.
WantedColumns wanted_columns(const ModelVersion& version, ColumnUse use);

// Text between the database's encoding and the engine's UTF-8; the result is palloc'ed or the argument itself.
const char* to_utf8(const char* text);
const char* from_utf8(const char* text);

}  // namespace tensile
