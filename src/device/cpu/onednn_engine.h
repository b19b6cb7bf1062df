// The oneDNN engine handle; included by onednn_*.cpp only.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "device/cpu/onednn_library.h"

namespace tensile {

struct OnednnLibrary::Engine {
    dnnl::engine handle{dnnl::engine::kind::cpu, 0};
};

}  // namespace tensile
