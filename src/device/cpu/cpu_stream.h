// A stream of the CPU: every launch and copy is complete when it returns. Streams of one priority share the threads of
// one pool; a launch that finds them busy runs on its caller alone.
#pragma once

#include <memory>

#include "device/device.h"
#include "device/tile_pool.h"

namespace tensile {

class CpuStream final : public Stream {
  public:
    explicit CpuStream(std::shared_ptr<TilePool> pool) : pool_(std::move(pool)) {}

    LaunchStatus launch(Binding& binding, int op, const LaunchContext& context) override;
    void copy(std::byte* destination, const std::byte* source, std::size_t bytes) override;
    void synchronize() override;
    void parallel_for(std::int64_t count, std::int64_t grain,
                      const std::function<void(std::int64_t, std::int64_t)>& body) override;

  private:
    std::shared_ptr<TilePool> pool_;
};

}  // namespace tensile
