#include "device/cpu/onednn_matmul.h"

#include <exception>

#include "device/cpu/onednn_engine.h"
#include "tensor/error.h"

namespace tensile {

namespace {

dnnl::memory::desc dense(std::int64_t rows, std::int64_t columns) {
    return {{rows, columns}, dnnl::memory::data_type::f32, dnnl::memory::dims{columns, 1}};
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const MatmulShape& shape) {
    const dnnl::memory::desc a = dense(shape.rows, shape.inner);
    const dnnl::memory::desc y = dense(shape.rows, shape.columns);
    const dnnl::memory::desc b = shape.transpose_b
                                     ? dnnl::memory::desc({shape.inner, shape.columns}, dnnl::memory::data_type::f32,
                                                          dnnl::memory::dims{1, shape.inner})
                                     : dense(shape.inner, shape.columns);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (shape.accumulate) {
        dnnl::post_ops sum;
        sum.append_sum(1.0F);
        attributes.set_post_ops(sum);
    }
    return {dnnl::matmul::desc(a, b, y), attributes, engine};
}

}  // namespace

struct OnednnMatmul::State {
    dnnl::engine engine;
    dnnl::matmul::primitive_desc description;
    dnnl::matmul primitive;

    State(const dnnl::engine& cpu, const MatmulShape& shape)
        : engine(cpu), description(describe(cpu, shape)), primitive(description) {}
};

struct OnednnMatmul::Call::State {
    dnnl::stream stream;
    dnnl::memory a;
    dnnl::memory b;
    dnnl::memory y;
    dnnl::memory scratch;
};

OnednnMatmul::OnednnMatmul(const OnednnLibrary& library, const MatmulShape& shape) : shape_(shape) {
    OnednnLibrary::prepare_thread();
    try {
        state_ = std::make_unique<State>(library.engine().handle, shape);
    } catch (const dnnl::error& error) {
        throw InternalError(std::string("could not create a matrix product: ") + error.what());
    }
    scratch_bytes_ = state_->description.scratchpad_desc().get_size();
}

OnednnMatmul::OnednnMatmul(OnednnMatmul&&) noexcept = default;
OnednnMatmul::~OnednnMatmul() = default;

OnednnMatmul::Call::Call(std::unique_ptr<State> state) : state_(std::move(state)) {}
OnednnMatmul::Call::Call(Call&&) noexcept = default;
OnednnMatmul::Call::~Call() = default;

OnednnMatmul::Call OnednnMatmul::make_call() const {
    const dnnl::engine& engine = state_->engine;
    const auto unbound = [&](const dnnl::memory::desc& type) { return dnnl::memory(type, engine, DNNL_MEMORY_NONE); };
    const dnnl::matmul::primitive_desc& description = state_->description;
    return Call(std::make_unique<Call::State>(
        Call::State{dnnl::stream(engine), unbound(description.src_desc()), unbound(description.weights_desc()),
                    unbound(description.dst_desc()), unbound(description.scratchpad_desc())}));
}

void OnednnMatmul::run(Call& call, const float* a, const float* b, float* y, std::byte* scratch) const noexcept {
    Call::State& state = *call.state_;
    // oneDNN takes all addresses as mutable; it does not write to sources.
    const bool bound =
        dnnl_memory_set_data_handle(state.a.get(), const_cast<float*>(a)) == dnnl_success &&
        dnnl_memory_set_data_handle(state.b.get(), const_cast<float*>(b)) == dnnl_success &&
        dnnl_memory_set_data_handle(state.y.get(), y) == dnnl_success &&
        (scratch_bytes_ == 0 || dnnl_memory_set_data_handle(state.scratch.get(), scratch) == dnnl_success);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, state.a.get()},
                                         {DNNL_ARG_WEIGHTS, state.b.get()},
                                         {DNNL_ARG_DST, state.y.get()},
                                         {DNNL_ARG_SCRATCHPAD, state.scratch.get()}};
    constexpr int kArguments = 4;
    // All that can go wrong is oneDNN's allocation of a few hundred bytes, after which nothing of the engine can go on.
    if (!bound ||
        dnnl_primitive_execute(state_->primitive.get(), state.stream.get(), kArguments, arguments) != dnnl_success)
        std::terminate();
}

}  // namespace tensile
