#include "device/cpu/onednn_library.h"

#include <dlfcn.h>

#include "device/cpu/onednn_engine.h"

namespace tensile {

namespace {

// Primitives that oneDNN keeps for re-use, 10 to 24 KiB each.
constexpr int kPrimitiveCacheCapacity = 256;

}  // namespace

OnednnLibrary::OnednnLibrary() {
    prepare_thread();
    dnnl::set_primitive_cache_capacity(kPrimitiveCacheCapacity);
    engine_ = std::make_unique<Engine>();
}

OnednnLibrary::~OnednnLibrary() = default;

std::string OnednnLibrary::version() {
    const dnnl_version_t* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
}

std::string_view OnednnLibrary::instruction_set() {
    // Each set has the bits of those before it.
    const auto isa = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
    const auto includes = [isa](dnnl_cpu_isa_t set) { return (isa & set) == static_cast<unsigned>(set); };
    if (includes(dnnl_cpu_isa_avx512_core)) return "AVX-512";
    if (includes(dnnl_cpu_isa_avx2)) return "AVX2";
    if (includes(dnnl_cpu_isa_avx)) return "AVX";
    return includes(dnnl_cpu_isa_sse41) ? "SSE4.1" : "scalar";
}

bool OnednnLibrary::rows_are_independent() {
    return instruction_set() == "AVX-512";
}

void OnednnLibrary::prepare_thread() {
    // Looked up at run time: a oneDNN that was built without OpenMP brings no such function and needs no such care.
    using SetThreads = void (*)(int);
    static const auto set_threads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    if (set_threads != nullptr) set_threads(1);
}

}  // namespace tensile
