// The engine as a process: its command line, its life tied to the supervisor's, its signals. Knows nothing of sessions.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/descriptor.h"

namespace tensile {

struct ProcessArguments {
    pid_t supervisor_pid = 0;
    int listen_descriptor = -1;
    int control_descriptor = -1;
    std::string run_directory;
};

// tensile-engine --supervisor-pid=N --listen-fd=N --control-fd=N --run-directory=PATH. Throws Error 22023.
ProcessArguments parse_arguments(int argument_count, const char* const* arguments);

// The kernel ends this process when its supervisor dies; throws Error 55000 when it is dead already.
void die_with_supervisor(pid_t supervisor_pid);

// Gives the process its name, lets it open as many descriptors as it may, makes writes to a client that is gone an
// error instead of a signal, and writes to a full log pipe an error instead of a wait.
void prepare_process();

// A descriptor that becomes readable when TERM, INT or QUIT arrive; they are blocked from now on in this thread and all
// that it creates. Throws Error 53000.
protocol::Descriptor open_signals();
// Waits for nothing: the number of a signal that has arrived, or 0.
int next_signal(const protocol::Descriptor& signals);

}  // namespace tensile
