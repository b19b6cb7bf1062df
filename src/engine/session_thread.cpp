// POSIX threads.
#include "engine/session_thread.h"

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

// Address space, not memory: pages are taken as they are touched. The code generator of the kernel library is what
// needs the most of it.
constexpr std::size_t kStackBytes = 1024 * 1024;

}  // namespace

SessionThread::SessionThread(std::function<void()> body) : body_(std::move(body)) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    const int status = pthread_create(&thread_, &attributes, &SessionThread::start, this);
    pthread_attr_destroy(&attributes);
    if (status != 0)
        throw Error(sqlstate::kInsufficientResources, "could not create a thread of the tensile engine",
                    std::string(std::strerror(status)) + ".");
}

SessionThread::~SessionThread() {
    pthread_join(thread_, nullptr);
}

void* SessionThread::start(void* self) noexcept {
    static_cast<SessionThread*>(self)->body_();
    return nullptr;
}

}  // namespace tensile
