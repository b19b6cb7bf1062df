// The list of all kernels; see kernel_registry.h.
#include "cuda/kernel_registry.h"

namespace tensile::cuda {

KernelRegistry make_kernel_registry() {
    KernelRegistry registry;
    register_activations(registry);
    register_arithmetic(registry);
    register_batch_normalization(registry);
    register_cast(registry);
    register_column_reductions(registry);
    register_convolution(registry);
    register_dropout(registry);
    register_embedding_rows(registry);
    register_layer_norm(registry);
    register_lstm(registry);
    register_matrix_products(registry);
    register_merge_rows(registry);
    register_mode_products(registry);
    register_optimizers(registry);
    register_pooling(registry);
    register_rearrangement(registry);
    register_row_layout(registry);
    register_row_losses(registry);
    register_softmax(registry);
    register_softmax_cross_entropy(registry);
    register_sums(registry);
    return registry;
}

}  // namespace tensile::cuda
