#include "device/cpu/convolution_kernel.h"
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#include <hwy/targets.h>

namespace tensile {

KernelTable make_kernel_table() {
    KernelTable table;
    add_elementwise_kernels(table);
    add_activation_kernels(table);
    add_normalization_kernels(table);
    add_softmax_kernels(table);
    add_lstm_kernels(table);
    add_loss_kernels(table);
    add_reduction_kernels(table);
    add_narrow_product_kernels(table);
    add_optimizer_kernels(table);
    add_dropout_kernels(table);
    add_sparse_row_kernels(table);
    add_data_movement_kernels(table);
    add_pooling_kernels(table);
    add_mode_product_kernels(table);
    add_convolution_plans(table);
    return table;
}

std::string_view kernel_instruction_set() {
    // Lower bits are better targets.
    const auto supported = hwy::SupportedTargets();
    if ((supported & HWY_AVX3) != 0) return "AVX-512";
    if ((supported & HWY_AVX2) != 0) return "AVX2";
    if ((supported & HWY_SSE4) != 0) return "SSE4.1";
    return "scalar";
}

}  // namespace tensile
