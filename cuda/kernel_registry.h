// Which function makes the kernel of which op. An op that is not here has no kernel on CUDA devices.
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "cuda/kernel.h"

namespace tensile::cuda {

// Throws PluginError (TENSILE_UNSUPPORTED) for types it has no kernel for.
using MakeKernel = std::unique_ptr<Kernel> (*)(const DeviceContext& device, const OpProblem& problem);

class KernelRegistry {
  public:
    void add(std::string_view op, MakeKernel make) { makers_.emplace(op, make); }
    // Null when the op is unknown.
    MakeKernel find(std::string_view op) const {
        const auto found = makers_.find(op);
        return found == makers_.end() ? nullptr : found->second;
    }

  private:
    std::map<std::string_view, MakeKernel> makers_;
};

// All kernels.
KernelRegistry make_kernel_registry();

// One function a file of kernels/; each adds the ops of its file.
void register_activations(KernelRegistry& registry);
void register_arithmetic(KernelRegistry& registry);
void register_batch_normalization(KernelRegistry& registry);
void register_cast(KernelRegistry& registry);
void register_column_reductions(KernelRegistry& registry);
void register_convolution(KernelRegistry& registry);
void register_dropout(KernelRegistry& registry);
void register_embedding_rows(KernelRegistry& registry);
void register_layer_norm(KernelRegistry& registry);
void register_lstm(KernelRegistry& registry);
void register_matrix_products(KernelRegistry& registry);
void register_merge_rows(KernelRegistry& registry);
void register_mode_products(KernelRegistry& registry);
void register_optimizers(KernelRegistry& registry);
void register_pooling(KernelRegistry& registry);
void register_rearrangement(KernelRegistry& registry);
void register_row_layout(KernelRegistry& registry);
void register_row_losses(KernelRegistry& registry);
void register_softmax(KernelRegistry& registry);
void register_softmax_cross_entropy(KernelRegistry& registry);
void register_sums(KernelRegistry& registry);

}  // namespace tensile::cuda
