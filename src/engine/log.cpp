// Log lines, one write() each.
#include "engine/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>

namespace tensile {

namespace {

// Writes to a pipe are atomic up to PIPE_BUF, which is 4096 on Linux.
constexpr std::size_t kMaxLine = 4096;

constexpr std::array<std::string_view, 5> kLevelNames = {"DEBUG1", "INFO", "LOG", "WARNING", "ERROR"};

bool write_line(int descriptor, LogLevel level, std::string_view text) noexcept {
    std::array<char, kMaxLine> line;
    const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
    auto end = std::copy(name.begin(), name.end(), line.begin());
    *end++ = '\t';
    const auto room = static_cast<std::size_t>(line.end() - end) - 1;
    text = text.substr(0, room);
    end = std::replace_copy_if(
        text.begin(), text.end(), end, [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
    *end++ = '\n';
    const auto bytes = static_cast<std::size_t>(end - line.begin());
    return ::write(descriptor, line.data(), bytes) == static_cast<ssize_t>(bytes);
}

}  // namespace

LogLevel log_level_named(std::string_view name) {
    const auto found = std::find(kLevelNames.begin(), kLevelNames.end(), name);
    return found == kLevelNames.end() ? LogLevel::kLog : static_cast<LogLevel>(found - kLevelNames.begin());
}

std::string in_one_line(const Error& error) {
    return error.detail().empty() ? error.message() : error.message() + ": " + error.detail();
}

void Log::write(LogLevel level, std::string_view text) noexcept {
    if (level < threshold_.load(std::memory_order_relaxed)) return;
    if (const std::uint64_t lost = lost_.exchange(0); lost > 0) {
        std::array<char, 64> note;
        const int length = std::snprintf(note.data(), note.size(), "%llu log lines of the tensile engine were lost",
                                         static_cast<unsigned long long>(lost));
        if (!write_line(descriptor_, LogLevel::kWarning, {note.data(), static_cast<std::size_t>(length)}))
            lost_.fetch_add(lost);
    }
    if (!write_line(descriptor_, level, text)) lost_.fetch_add(1);
}

}  // namespace tensile
