// A point on a stream of a CUDA device.
#pragma once

#include <memory>

#include "device/cuda/cuda_context.h"
#include "device/device.h"

namespace tensile {

class CudaEvent final : public Event {
  public:
    explicit CudaEvent(std::shared_ptr<const CudaContext> context) : context_(std::move(context)) {
        context_->call("create an event of the GPU", context_->table().event_create, context_->device(), &event_);
    }
    ~CudaEvent() override { context_->table().event_destroy(event_); }
    CudaEvent(const CudaEvent&) = delete;
    CudaEvent& operator=(const CudaEvent&) = delete;

    TensileEvent* get() const { return event_; }

    bool is_complete() const override {
        std::int32_t complete = 0;
        context_->call("ask the GPU for its progress", context_->table().event_query, event_, &complete);
        return complete != 0;
    }
    void wait() override { context_->call("wait for the GPU", context_->table().event_synchronize, event_); }
    double seconds_since(const Event& earlier) const override {
        double seconds = 0;
        context_->call("measure a time of the GPU", context_->table().event_elapsed,
                       static_cast<const CudaEvent&>(earlier).get(), event_, &seconds);
        return seconds;
    }

  private:
    std::shared_ptr<const CudaContext> context_;
    TensileEvent* event_ = nullptr;
};

}  // namespace tensile
