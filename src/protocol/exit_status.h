// How the engine's process ends, as its supervisor reads it. Knows neither of the two.
#pragma once

namespace tensile::protocol {

enum class ExitStatus : int {
    kOrderly = 0,
    kFailure = 1,      // it could not start, or gave up; an ErrorReply or the last log line says why
    kQuit = 2,         // told to end at once
    kDeviceFault = 3,  // the device reported an error that only the end of the process clears
};

}  // namespace tensile::protocol
