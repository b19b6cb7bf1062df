// The list of all ops. An op that is not here does not exist. Ops with a surrogate gradient: round_straight_through.
#include <array>
#include <string>

#include "graph/ops/absolute.h"
#include "graph/ops/adam.h"
#include "graph/ops/adam_rows.h"
#include "graph/ops/add.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/average_pool_2d.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/binary_cross_entropy_loss.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/cast.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/clip_scale.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/concat_rows.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/copy.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/divide.h"
#include "graph/ops/dropout.h"
#include "graph/ops/exp.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/gelu.h"
#include "graph/ops/huber_loss.h"
#include "graph/ops/inner_product.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/log.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/matmul.h"
#include "graph/ops/max_pool_2d.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/mode_product.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/multiply.h"
#include "graph/ops/pad_columns.h"
#include "graph/ops/pinball.h"
#include "graph/ops/relu.h"
#include "graph/ops/reshape.h"
#include "graph/ops/round_straight_through.h"
#include "graph/ops/scale.h"
#include "graph/ops/sgd_momentum.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/sigmoid.h"
#include "graph/ops/silu.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/softmax.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "graph/ops/split_columns.h"
#include "graph/ops/split_heads.h"
#include "graph/ops/spread_mode.h"
#include "graph/ops/sqrt.h"
#include "graph/ops/square.h"
#include "graph/ops/squared_error_loss.h"
#include "graph/ops/stop_gradient.h"
#include "graph/ops/subtract.h"
#include "graph/ops/sum_all.h"
#include "graph/ops/sum_of_squares.h"
#include "graph/ops/tanh.h"
#include "tensor/error.h"

namespace tensile {

std::span<const Op* const> all_ops() {
    using namespace ops;
    static const std::array list = {
        &matmul_op(),
        &convolution_2d_op(),
        &convolution_2d_gradient_input_op(),
        &convolution_2d_gradient_weights_op(),
        &max_pool_2d_op(),
        &max_pool_2d_gradient_op(),
        &average_pool_2d_op(),
        &average_pool_2d_gradient_op(),
        &bias_add_op(),
        &column_sum_op(),
        &broadcast_rows_op(),
        &broadcast_scalar_op(),
        &add_op(),
        &subtract_op(),
        &multiply_op(),
        &divide_op(),
        &scale_op(),
        &affine_constant_op(),
        &relu_op(),
        &relu_gradient_op(),
        &gelu_op(),
        &gelu_gradient_op(),
        &silu_op(),
        &silu_gradient_op(),
        &tanh_op(),
        &tanh_gradient_op(),
        &sigmoid_op(),
        &sigmoid_gradient_op(),
        &exp_op(),
        &log_op(),
        &square_op(),
        &square_gradient_op(),
        &sqrt_op(),
        &sqrt_gradient_op(),
        &round_straight_through_op(),
        &stop_gradient_op(),
        &cast_op(),
        &dropout_op(),
        &dropout_gradient_op(),
        &softmax_op(),
        &softmax_gradient_op(),
        &layer_norm_op(),
        &layer_norm_gradient_input_op(),
        &layer_norm_gradient_parameters_op(),
        &reshape_op(),
        &concat_columns_op(),
        &slice_columns_op(),
        &pad_columns_op(),
        &gather_rows_op(),
        &gather_rows_gradient_op(),
        &densify_rows_op(),
        &merge_rows_op(),
        &concat_rows_op(),
        &batch_moments_op(),
        &batch_moments_gradient_op(),
        &batch_normalize_op(),
        &batch_norm_gradient_input_op(),
        &batch_norm_gradient_reductions_op(),
        &moving_average_update_op(),
        &squared_error_loss_op(),
        &squared_error_loss_gradient_op(),
        &huber_loss_op(),
        &huber_loss_gradient_op(),
        &pinball_op(),
        &pinball_gradient_op(),
        &binary_cross_entropy_loss_op(),
        &binary_cross_entropy_loss_gradient_op(),
        &softmax_cross_entropy_loss_op(),
        &softmax_cross_entropy_loss_gradient_op(),
        &sum_all_op(),
        &sum_of_squares_op(),
        &inner_product_op(),
        &masked_mean_op(),
        &masked_mean_gradient_op(),
        &add_scalars_op(),
        &clip_scale_op(),
        &sgd_momentum_op(),
        &sgd_momentum_rows_op(),
        &adam_op(),
        &adam_rows_op(),
        &copy_op(),
        &batched_matmul_op(),
        &split_heads_op(),
        &merge_heads_op(),
        &causal_softmax_op(),
        &causal_softmax_gradient_op(),
        &lstm_cell_op(),
        &lstm_cell_gradient_op(),
        &mode_product_op(),
        &mode_product_gradient_op(),
        &spread_mode_op(),
        &fold_mode_op(),
        &split_columns_op(),
        &absolute_op(),
        &absolute_gradient_op(),
    };
    return list;
}

const Op& op_named(std::string_view name) {
    for (const Op* op : all_ops())
        if (op->name() == name) return *op;
    throw InternalError("there is no op \"" + std::string(name) + "\"");
}

}  // namespace tensile
