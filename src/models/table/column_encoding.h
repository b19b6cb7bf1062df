// How one column of a table becomes numbers and category codes: fitted once on training rows, stored with the model,
// applied to every row ever predicted. Implementations: number_, category_, timestamp_ and block_encoding.
//
// An encoding gives number_width() floats a row and, if category_rows() > 0, one code in [0, category_rows()), which
// names a row of an embedding table. Encoding is a pure function of the value, in double precision until the last step,
// so a row has the same inputs whether it is trained on, predicted alone or predicted among others.
#pragma once

#include <cstdint>
#include <memory>

#include <nlohmann/json_fwd.hpp>

#include "models/table/raw_rows.h"

namespace tensile {

class ColumnEncoding {
  public:
    virtual ~ColumnEncoding() = default;

    virtual int number_width() const { return 0; }
    // Writes the floats of rows [begin, end): row i at out + (i - begin) * stride.
    virtual void encode_numbers(const RawColumn& /*column*/, std::int64_t /*begin*/, std::int64_t /*end*/,
                                float* /*out*/, std::int64_t /*stride*/) const noexcept {}

    virtual std::int64_t category_rows() const { return 0; }
    // Writes the codes of rows [begin, end): row i at out + (i - begin) * stride.
    virtual void encode_codes(const RawRows& /*rows*/, const RawColumn& /*column*/, std::int64_t /*begin*/,
                              std::int64_t /*end*/, std::int32_t* /*out*/, std::int64_t /*stride*/) const noexcept {}

    // Everything but the column's description; "kind" says which encoding it is.
    virtual nlohmann::ordered_json to_json() const = 0;
};

// The encoding that to_json() described. Throws Error XX001 when it cannot be one.
std::unique_ptr<ColumnEncoding> encoding_from_json(const nlohmann::ordered_json& json);

}  // namespace tensile
