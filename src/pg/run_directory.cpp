// See run_directory.h.
#include "pg/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "tensor/error.h"

namespace tensile {
namespace {

namespace fs = std::filesystem;

constexpr char kLockPath[] = "pgsql_tmp_tensile/supervisor.lock";
constexpr int kBacklog = 1024;  // clients that wait for an engine that is being restarted

[[noreturn]] void fail(const std::string& action) {
    throw Error(sqlstate::kIoError, "could not " + action + ": " + std::strerror(errno));
}

}  // namespace

std::optional<RunDirectory> RunDirectory::lock() {
    if (::mkdir(kRunDirectory, 0700) != 0 && errno != EEXIST)
        fail("create directory \"" + std::string(kRunDirectory) + "\"");
    Descriptor directory(::open(kRunDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) fail("open directory \"" + std::string(kRunDirectory) + "\"");
    if (::fchmod(directory.get(), 0700) != 0) fail("set permissions of \"" + std::string(kRunDirectory) + "\"");

    Descriptor file(::open(kLockPath, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) fail("open file \"" + std::string(kLockPath) + "\"");
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return std::nullopt;
        fail("lock file \"" + std::string(kLockPath) + "\"");
    }
    return RunDirectory(std::move(file));
}

void RunDirectory::empty() const {
    const fs::path lock(kLockPath);
    try {
        for (const fs::directory_entry& entry : fs::directory_iterator(kRunDirectory))
            if (entry.path() != lock) fs::remove_all(entry.path());
    } catch (const fs::filesystem_error& error) {
        throw Error(sqlstate::kIoError,
                    "could not empty directory \"" + std::string(kRunDirectory) + "\": " + error.code().message());
    }
}

Descriptor RunDirectory::listen() const {
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket) fail("create the engine's socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    static_assert(sizeof kSocketPath <= sizeof address.sun_path);
    std::memcpy(address.sun_path, kSocketPath, sizeof kSocketPath);
    remove_socket();
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(kSocketPath, 0600) != 0)
        fail("bind socket \"" + std::string(kSocketPath) + "\"");
    if (::listen(socket.get(), kBacklog) != 0) fail("listen on socket \"" + std::string(kSocketPath) + "\"");
    return socket;
}

void RunDirectory::remove_socket() const {
    ::unlink(kSocketPath);
}

}  // namespace tensile
