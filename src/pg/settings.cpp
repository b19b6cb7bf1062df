// See settings.h.
#include "pg/settings.h"

#include <charconv>
#include <string_view>

#include "pg/pg_api.h"

namespace tensile {
namespace {

constexpr int kMinMemory = 16 * 1024;  // kB
constexpr int kDefaultMemory = 1024 * 1024;
constexpr int kDefaultPinned = 256 * 1024;
constexpr int kDefaultSpill = 10 * 1024 * 1024;
constexpr int kMaxThreads = 256;
constexpr int kDefaultQueueTimeout = 60 * 1000;  // ms
constexpr int kMaxDevices = 64;
constexpr double kMinPoolShare = 0.01;

// PostgreSQL writes the settings through pointers to these.
struct Variables {
    int pool_size = kDefaultMemory;
    int host_memory = kDefaultMemory;
    int pinned_memory = kDefaultPinned;
    char* spill_directory = nullptr;
    int spill_limit = kDefaultSpill;
    int threads = 0;
    char* device = nullptr;
    int log_level = LOG;
    int queue_timeout = kDefaultQueueTimeout;
    double max_pool_share = 1;
};
Variables variables;

const config_enum_entry kLogLevels[] = {
    {"debug", DEBUG1, true},     {"debug1", DEBUG1, false}, {"log", LOG, false},
    {"warning", WARNING, false}, {nullptr, 0, false},
};

bool check_device(char** value, void**, GucSource) {
    const std::string_view device = *value;
    if (device == "auto" || device == "cpu") return true;
    constexpr std::string_view kCuda = "cuda:";
    if (device.starts_with(kCuda)) {
        int number = -1;
        const char* end = device.data() + device.size();
        const auto [rest, error] = std::from_chars(device.data() + kCuda.size(), end, number);
        if (error == std::errc() && rest == end && number >= 0 && number < kMaxDevices) return true;
    }
    GUC_check_errdetail("Valid values are \"auto\", \"cpu\" and \"cuda:N\" with N from 0 to %d.", kMaxDevices - 1);
    return false;
}

bool check_spill_directory(char** value, void**, GucSource) {
    if (**value == '\0') return true;
    if (!is_absolute_path(*value)) {
        GUC_check_errdetail("It must be an absolute path, or empty for a place inside the data directory.");
        return false;
    }
    canonicalize_path(*value);
    return true;
}

constexpr std::uint64_t bytes_of_kilobytes(int kilobytes) {
    return static_cast<std::uint64_t>(kilobytes) * 1024;
}

const char* log_level_name(int level) {
    switch (level) {
    case DEBUG1:
        return "DEBUG1";
    case WARNING:
        return "WARNING";
    default:
        return "LOG";
    }
}

}  // namespace

void define_settings() {
    DefineCustomIntVariable("tensile.pool_size", "Sets the memory of the tensor pool that all sessions share.",
                            "Changing it restarts the engine.", &variables.pool_size, kDefaultMemory, kMinMemory,
                            MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("tensile.host_memory",
                            "Sets the memory for data sets, rows in transit and caches of all sessions together.",
                            nullptr, &variables.host_memory, kDefaultMemory, kMinMemory, MAX_KILOBYTES, PGC_SIGHUP,
                            GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("tensile.pinned_memory",
                            "Sets the part of tensile.host_memory that is page-locked for copies to and from a GPU.",
                            "Changing it restarts the engine. 0 page-locks nothing; it has no effect on the CPU.",
                            &variables.pinned_memory, kDefaultPinned, 0, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB,
                            nullptr, nullptr, nullptr);
    DefineCustomStringVariable("tensile.spill_directory", "Sets the directory that tensors are swapped to.",
                               "An empty string means a place inside the data directory.", &variables.spill_directory,
                               "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_spill_directory, nullptr, nullptr);
    DefineCustomIntVariable("tensile.spill_limit", "Sets the disk space that swapped tensors may take.",
                            "0 turns swapping to disk off.", &variables.spill_limit, kDefaultSpill, 0, MAX_KILOBYTES,
                            PGC_SIGHUP, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("tensile.threads", "Sets the number of threads of the engine.", "0 means one per core.",
                            &variables.threads, 0, 0, kMaxThreads, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("tensile.device", "Selects the device of the engine.",
                               "Valid values are \"auto\", \"cpu\" and \"cuda:N\". Changing it restarts the engine.",
                               &variables.device, "auto", PGC_SIGHUP, 0, check_device, nullptr, nullptr);
    DefineCustomEnumVariable("tensile.log_level", "Sets the least level of the engine's messages in the server log.",
                             nullptr, &variables.log_level, LOG, kLogLevels, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("tensile.queue_timeout",
                            "Sets how long a statement waits for memory of the tensor pool before it gives up.",
                            "0 means no limit.", &variables.queue_timeout, kDefaultQueueTimeout, 0, INT_MAX,
                            PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomRealVariable("tensile.max_pool_share",
                             "Sets the share of the tensor pool that one training may be granted.",
                             "Set it for a role with ALTER ROLE ... SET. Below what a training takes, its tensors move "
                             "between the pool and the spill file.",
                             &variables.max_pool_share, 1, kMinPoolShare, 1, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    // After this, a misspelled setting with the prefix is an error.
    MarkGUCPrefixReserved("tensile");
}

EngineSettings engine_settings() {
    EngineSettings settings;
    settings.pool_size = bytes_of_kilobytes(variables.pool_size);
    settings.host_memory = bytes_of_kilobytes(variables.host_memory);
    settings.pinned_memory = bytes_of_kilobytes(variables.pinned_memory);
    settings.spill_directory = variables.spill_directory;
    settings.spill_limit = bytes_of_kilobytes(variables.spill_limit);
    settings.threads = variables.threads;
    settings.device = variables.device;
    settings.log_level = log_level_name(variables.log_level);
    return settings;
}

double max_pool_share() {
    return variables.max_pool_share;
}

std::int32_t queue_timeout_ms() {
    return variables.queue_timeout == 0 ? -1 : variables.queue_timeout;
}

}  // namespace tensile
