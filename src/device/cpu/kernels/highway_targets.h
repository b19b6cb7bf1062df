// Which instruction sets the kernels are compiled for: AVX-512, AVX2, SSE4.1, and what the compiler's baseline allows.
// Included before every Highway header, so that all kernel files agree.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#include <hwy/detect_compiler_arch.h>
#if HWY_ARCH_X86
#define HWY_DISABLED_TARGETS (1LL << 12)  // HWY_SSSE3, whose name is not known yet: no such server is left
#endif
#endif
