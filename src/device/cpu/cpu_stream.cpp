#include "device/cpu/cpu_stream.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "device/cpu/cpu_executable.h"
#include "device/cpu/onednn_library.h"

namespace tensile {

namespace {

// Tiles that have anything to do: a lone section of rows ends with the extent, unless something must be zero behind it.
std::int64_t tiles_to_run(const TilePhase& phase, const LaunchContext& context) {
    const TileSection& section = phase.sections.front();
    if (phase.sections.size() > 1 || section.extent_slot == Shape::kStatic || !section.zero_tails.empty())
        return phase.tiles();
    const std::int64_t present = context.extents[static_cast<std::size_t>(section.extent_slot)];
    return std::min(phase.tiles(), (present + section.items_per_tile - 1) / section.items_per_tile);
}

}  // namespace

LaunchStatus CpuStream::launch(Binding& binding, int op, const LaunchContext& context) {
    OnednnLibrary::prepare_thread();
    auto& bound = static_cast<CpuBinding&>(binding);
    const TileOp& tile_op = bound.op(op);
    bound.set_extents(tile_op, context.extents);

    struct PhaseLaunch {
        CpuBinding& binding;
        const TileOp& op;
        const TilePhase& phase;
        const LaunchContext& context;
    };
    const int participants = tile_op.participants > 0 ? tile_op.participants : std::numeric_limits<int>::max();
    for (const TilePhase& phase : tile_op.phases) {
        PhaseLaunch launch{bound, tile_op, phase, context};
        const auto run_tile = [](void* opaque, std::int64_t tile, int slot) noexcept {
            const auto& launch = *static_cast<PhaseLaunch*>(opaque);
            return launch.binding.run_tile(launch.op, launch.phase, tile, slot, launch.context);
        };
        if (pool_->run(tiles_to_run(phase, context), participants, context.stop, run_tile, &launch) ==
            LaunchStatus::kStopped)
            return LaunchStatus::kStopped;
    }
    return LaunchStatus::kCompleted;
}

void CpuStream::copy(std::byte* destination, const std::byte* source, std::size_t bytes) {
    std::memcpy(destination, source, bytes);
}

void CpuStream::synchronize() {}

void CpuStream::parallel_for(std::int64_t count, std::int64_t grain,
                             const std::function<void(std::int64_t, std::int64_t)>& body) {
    pool_->parallel_for(count, grain, body);
}

}  // namespace tensile
