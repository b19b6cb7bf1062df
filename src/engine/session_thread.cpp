// POSIX threads.
#include "engine/session_thread.h"

#include <cstring>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace tensile {

SessionThread::SessionThread(std::size_t stack_bytes, std::function<void()> body) : body_(std::move(body)) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
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
