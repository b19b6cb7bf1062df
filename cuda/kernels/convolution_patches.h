// convolution_2d and its gradients as matrix products of patches: what the window sees at each position is gathered
// into a row of taps times channels, in the order of the weights' rows, and the stored weights are the other operand.
//
// For shapes for which cuDNN has nothing that may be used, for operands rounded to bf16, which cuDNN would also do to
// the results, and for images that must not depend on their number. Patches lie in scratch, some positions at a time,
// so that scratch is bounded whatever the batch. The blocks of positions depend on the sizes alone, and their sums are
// added up in order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "cuda/kernel.h"
#include "cuda/kernels/convolution_sizes.h"

namespace tensile::cuda {

// The most that patches take together, unless those of one position (of one row of pixels, in the gradient of the
// input) take more.
inline constexpr std::size_t kPatchBytes = std::size_t{64} << 20;

// Whether an earlier choice is one of these kernels.
bool is_choice_of_patches(std::span<const std::uint8_t> choice);

// y [positions, kernels] = patches of x, times weights.
std::unique_ptr<Kernel> make_patch_convolution(const DeviceContext& device, const OpProblem& problem,
                                               const ConvolutionSizes& sizes, std::size_t patch_bytes = kPatchBytes);
// dx: each pixel adds up what dy times weights^T says for it at the positions that see it, in their order.
std::unique_ptr<Kernel> make_patch_gradient_input(const DeviceContext& device, const OpProblem& problem,
                                                  const ConvolutionSizes& sizes, std::size_t patch_bytes = kPatchBytes);
// dweights [taps channels, kernels] = patches of x^T, times dy.
std::unique_ptr<Kernel> make_patch_gradient_weights(const DeviceContext& device, const OpProblem& problem,
                                                    const ConvolutionSizes& sizes,
                                                    std::size_t patch_bytes = kPatchBytes);

}  // namespace tensile::cuda
