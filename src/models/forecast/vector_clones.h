// Marks a function whose loops GCC shall compile for several vector widths, the best of which is chosen when the
// program starts. Elementwise loops give the same bits in all of them: products and sums are never fused
// (TensileCompiler.cmake).
#pragma once

// An attribute cannot be a function, hence the macro. Sanitizers instrument the code that chooses, which runs before
// they are ready.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TENSILE_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TENSILE_VECTOR_CLONES
#endif
