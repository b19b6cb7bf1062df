// Log lines on the way to the PostgreSQL server log: the supervisor reads them from a pipe, "LEVEL<tab>text" each.
// Knows nothing else of the engine. Thread-safe; a full pipe loses lines (and counts them) rather than stop the engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/error.h"

namespace tensile {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kLog, kWarning, kError };

// The level of that name ("DEBUG1", "INFO", "LOG", "WARNING", "ERROR"); kLog for any other.
LogLevel log_level_named(std::string_view name);

// "message: detail", for one line of the log.
std::string in_one_line(const Error& error);

class Log {
  public:
    // Writes to `descriptor`, which stays the caller's; lines below `threshold` are dropped.
    explicit Log(int descriptor, LogLevel threshold = LogLevel::kLog)
        : descriptor_(descriptor), threshold_(threshold) {}

    void set_threshold(LogLevel threshold) noexcept { threshold_.store(threshold); }
    // One line; line breaks in `text` become spaces, and very long text is cut, so that each line is one atomic write.
    void write(LogLevel level, std::string_view text) noexcept;

    void debug(std::string_view text) noexcept { write(LogLevel::kDebug, text); }
    void log(std::string_view text) noexcept { write(LogLevel::kLog, text); }
    void warning(std::string_view text) noexcept { write(LogLevel::kWarning, text); }
    void error(std::string_view text) noexcept { write(LogLevel::kError, text); }

  private:
    int descriptor_;
    std::atomic<LogLevel> threshold_;
    std::atomic<std::uint64_t> lost_{0};
};

}  // namespace tensile
