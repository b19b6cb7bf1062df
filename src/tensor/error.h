// The one exception type of the engine and its client.
//
// An Error already speaks PostgreSQL: it carries a SQLSTATE, a primary message (lower case, no period), and optional
// detail and hint (full sentences). It crosses process boundaries as an ErrorReply message and becomes an ereport in
// the backend with every field kept. This file knows nothing of either boundary.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace tensile {

// SQLSTATE codes used by the engine, spelled as PostgreSQL's errcodes.
namespace sqlstate {
inline constexpr std::string_view kInvalidParameterValue = "22023";
inline constexpr std::string_view kDataException = "22000";
inline constexpr std::string_view kNumericValueOutOfRange = "22003";
inline constexpr std::string_view kUndefinedColumn = "42703";
inline constexpr std::string_view kUndefinedObject = "42704";
inline constexpr std::string_view kDatatypeMismatch = "42804";
inline constexpr std::string_view kDuplicateObject = "42710";
inline constexpr std::string_view kInsufficientPrivilege = "42501";
inline constexpr std::string_view kFeatureNotSupported = "0A000";
inline constexpr std::string_view kInsufficientResources = "53000";
inline constexpr std::string_view kDiskFull = "53100";
inline constexpr std::string_view kOutOfMemory = "53200";
inline constexpr std::string_view kConfigurationLimitExceeded = "53400";
inline constexpr std::string_view kProgramLimitExceeded = "54000";
inline constexpr std::string_view kObjectNotInState = "55000";
inline constexpr std::string_view kQueryCanceled = "57014";
inline constexpr std::string_view kCannotConnectNow = "57P03";
// The engine died or cannot be reached. Not of class 08: client libraries take that for the loss of their own
// connection to the server, and drop it.
inline constexpr std::string_view kSystemError = "58000";
inline constexpr std::string_view kProtocolViolation = "08P01";
inline constexpr std::string_view kIoError = "58030";
inline constexpr std::string_view kDataCorrupted = "XX001";
inline constexpr std::string_view kInternalError = "XX000";
}  // namespace sqlstate

class Error : public std::exception {
  public:
    Error(std::string_view sqlstate, std::string message, std::string detail = {}, std::string hint = {})
        : sqlstate_(sqlstate), message_(std::move(message)), detail_(std::move(detail)), hint_(std::move(hint)) {}

    const char* what() const noexcept override { return message_.c_str(); }
    const std::string& sqlstate() const noexcept { return sqlstate_; }
    const std::string& message() const noexcept { return message_; }
    const std::string& detail() const noexcept { return detail_; }
    const std::string& hint() const noexcept { return hint_; }

  private:
    std::string sqlstate_;
    std::string message_;
    std::string detail_;
    std::string hint_;
};

// A broken promise between two parts of the engine: a defect of ours, never of the user's input.
class InternalError : public Error {
  public:
    explicit InternalError(std::string message) : Error(sqlstate::kInternalError, std::move(message)) {}
};

}  // namespace tensile
