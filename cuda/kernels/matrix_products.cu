// The ops matmul and batched_matmul (graph/ops/matmul.h, batched_matmul.h), by cuBLASLt.
#include "cuda/error.h"
#include "cuda/kernel_registry.h"
#include "cuda/kernels/library_product.h"

namespace tensile::cuda {

namespace {

class MatrixProduct final : public Kernel {
  public:
    MatrixProduct(const DeviceContext& device, const OpProblem& problem)
        : a_(problem.inputs[0]),
          product_(device, problem, shape_of(problem), invariant_sizes(problem, [&](std::int64_t rows) {
                       return with_rows(shape_of(problem), problem.name == "batched_matmul", rows);
                   })) {}

    std::size_t scratch_bytes() const override { return product_.scratch_bytes(); }
    std::span<const std::uint8_t> choice() const override { return product_.choice(); }

    void launch(const KernelArguments& arguments) const override {
        ProductShape present = product_.capacity();
        // Only a may be bounded, or a and b by the same slot: rows of y, or terms of each sum.
        if (a_.is_bounded()) (present.transpose_a ? present.inner : present.rows) = a_.present_rows(arguments.extents);
        product_.launch(arguments.stream, arguments.input<float>(0), arguments.input<float>(1),
                        arguments.output<float>(0), arguments.scratch, present);
    }

  private:
    static ProductShape shape_of(const OpProblem& problem) {
        const TensorType& a = problem.inputs[0];
        const TensorType& b = problem.inputs[1];
        const bool transpose_a = problem.flag("transpose_a");
        const bool transpose_b = problem.flag("transpose_b");
        const std::int64_t groups = problem.name == "batched_matmul" ? problem.integer("groups") : 1;
        const std::int64_t a_rows = a.dim(0) / groups;
        const std::int64_t b_rows = b.dim(0) / groups;
        ProductShape shape = ProductShape::dense(transpose_a ? a.dim(1) : a_rows, transpose_a ? a_rows : a.dim(1),
                                                 transpose_b ? b_rows : b.dim(1), transpose_a, transpose_b);
        shape.batch = groups;
        return shape;
    }

    // With another number of rows of the batch. Those of batched_matmul are its groups, whose matrices stay as they
    // are; a product over the batch has no rows of it.
    static ProductShape with_rows(const ProductShape& shape, bool grouped, std::int64_t rows) {
        ProductShape result = shape;
        if (grouped)
            result.batch = rows;
        else if (!shape.transpose_a)
            result.rows = rows;
        return result;
    }

    TensorType a_;
    LibraryProduct product_;
};

std::unique_ptr<Kernel> make_product(const DeviceContext& device, const OpProblem& problem) {
    require_float32(problem);
    return std::make_unique<MatrixProduct>(device, problem);
}

}  // namespace

void register_matrix_products(KernelRegistry& registry) {
    registry.add("matmul", make_product);
    registry.add("batched_matmul", make_product);
}

}  // namespace tensile::cuda
