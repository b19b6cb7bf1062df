// What a failed call of the CUDA plug-in becomes: an Error that speaks PostgreSQL.
#pragma once

#include <string_view>

#include "device/cuda/plugin_abi.h"
#include "tensor/error.h"

namespace tensile {

// A status ready to be handed to a function of the table.
TensileStatus empty_status();

// `attempt` completes "could not ...": "copy to the GPU". Sqlstates: 58000 no or old driver, 22023 no such device,
// 53200 no memory, 0A000 no kernel, 58030 fault, XX000 a mistake of the engine's.
Error error_of(const TensileStatus& status, std::string_view attempt);

}  // namespace tensile
