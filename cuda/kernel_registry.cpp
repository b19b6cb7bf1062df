// The list of all kernels; see kernel_registry.h.
#include "cuda/kernel_registry.h"

namespace tensile::cuda {

KernelRegistry make_kernel_registry() {
    KernelRegistry registry;
    register_matrix_products(registry);
    return registry;
}

}  // namespace tensile::cuda
