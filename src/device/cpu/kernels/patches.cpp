#include "device/cpu/kernels/patches.h"

#include <algorithm>
#include <cstring>

namespace tensile {

namespace {

void copy_floats(float* to, const float* from, std::int64_t count) noexcept {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

void zero_floats(float* to, std::int64_t count) noexcept {
    std::memset(to, 0, static_cast<std::size_t>(count) * sizeof(float));
}

// Copies elements [begin, end) of the line that starts at maps[origin], which may be before the map; only [low, high)
// of the line are there, the others are zeros.
void copy_part(const float* maps, std::int64_t origin, std::int64_t low, std::int64_t high, std::int64_t begin,
               std::int64_t end, float* to) noexcept {
    const std::int64_t first = std::clamp(low, begin, end);
    const std::int64_t last = std::clamp(high, first, end);
    if (first > begin) zero_floats(to, first - begin);
    if (last > first) copy_floats(to + (first - begin), maps + (origin + first), last - first);
    if (end > last) zero_floats(to + (last - begin), end - last);
}

// The place of a patch, counted through all images.
struct Place {
    std::int64_t image;
    std::int64_t y;
    std::int64_t x;

    Place(const ops::MapSize& grid, std::int64_t patch)
        : image(patch / grid.pixels()), y(patch / grid.width % grid.height), x(patch % grid.width) {}

    void advance(const ops::MapSize& grid, std::int64_t by) {
        x += by;
        if (x < grid.width) return;
        x = 0;
        if (++y < grid.height) return;
        y = 0;
        ++image;
    }
};

// Patches of one pixel that lie side by side are side by side in the maps, too: whole lines are copied at once.
void gather_lines(const PatchGrid& grid, const float* maps, std::int64_t first, std::int64_t patches,
                  float* to) noexcept {
    Place place(grid.grid, first);
    for (std::int64_t done = 0; done < patches;) {
        const std::int64_t run = std::min(grid.grid.width - place.x, patches - done);
        const std::int64_t y = place.y + grid.top;
        float* target = to + done * grid.channels;
        if (y < 0 || y >= grid.map.height) {
            zero_floats(target, run * grid.channels);
        } else {
            const std::int64_t x = place.x + grid.left;
            const std::int64_t pixel = (place.image * grid.map.height + y) * grid.map.width + x;
            copy_part(maps, pixel * grid.channels, -x * grid.channels, (grid.map.width - x) * grid.channels, 0,
                      run * grid.channels, target);
        }
        done += run;
        place.advance(grid.grid, run);
    }
}

}  // namespace

void gather_patches(const PatchGrid& grid, const float* maps, std::int64_t first, std::int64_t patches,
                    std::int64_t begin, std::int64_t end, float* to) noexcept {
    if (grid.kernel.pixels() == 1 && grid.step == 1 && begin == 0 && end == grid.channels)
        return gather_lines(grid, maps, first, patches, to);
    const std::int64_t line_terms = grid.kernel.width * grid.channels;
    const std::int64_t first_line = begin / line_terms;
    const std::int64_t last_line = (end - 1) / line_terms;
    Place place(grid.grid, first);
    for (std::int64_t patch = 0; patch < patches; ++patch) {
        const std::int64_t x = place.x * grid.step + grid.left;
        // Terms of a line of the patch that lie within the map.
        const std::int64_t low = -x * grid.channels;
        const std::int64_t high = (grid.map.width - x) * grid.channels;
        for (std::int64_t line = first_line; line <= last_line; ++line) {
            const std::int64_t line_begin = std::max<std::int64_t>(begin - line * line_terms, 0);
            const std::int64_t line_end = std::min(end - line * line_terms, line_terms);
            const std::int64_t y = place.y * grid.step + grid.top + line;
            if (y < 0 || y >= grid.map.height) {
                zero_floats(to, line_end - line_begin);
            } else {
                const std::int64_t pixel = (place.image * grid.map.height + y) * grid.map.width + x;
                copy_part(maps, pixel * grid.channels, low, high, line_begin, line_end, to);
            }
            to += line_end - line_begin;
        }
        place.advance(grid.grid, 1);
    }
}

}  // namespace tensile
