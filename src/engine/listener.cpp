// The accept loop.
#include "engine/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

// Out of descriptors or memory: sessions that end give some back.
constexpr std::chrono::milliseconds kPause(100);

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Listener::Listener(int socket, std::function<void(protocol::Descriptor)> serve, Log& log)
    : socket_(socket), serve_(std::move(serve)), log_(log), stop_event_(eventfd(0, EFD_CLOEXEC)) {
    // A client may vanish between poll() and accept().
    const int flags = fcntl(socket_, F_GETFL);
    if (!stop_event_ || flags < 0 || fcntl(socket_, F_SETFL, flags | O_NONBLOCK) != 0)
        throw Error(sqlstate::kInsufficientResources, "could not listen for clients of the tensile engine",
                    std::string(std::strerror(errno)) + ".");
    thread_ = std::thread([this] { run(); });
}

Listener::~Listener() {
    const std::uint64_t one = 1;
    while (::write(stop_event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
}

void Listener::run() {
    std::array<pollfd, 2> events = {pollfd{socket_, POLLIN, 0}, pollfd{stop_event_.get(), POLLIN, 0}};
    while (true) {
        poll(events.data(), events.size(), -1);
        if (events[1].revents != 0) return;
        if (events[0].revents == 0) continue;
        protocol::Descriptor client(accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
        if (client) {
            serve_(std::move(client));
        } else if (is_shortage(errno)) {
            log_.warning(std::string("could not accept a client: ") + std::strerror(errno));
            poll(&events[1], 1, static_cast<int>(kPause.count()));
        }
    }
}

}  // namespace tensile
