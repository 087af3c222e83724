// GlobalMaxPool: the largest element of each channel; NaN wins, nothing gives -inf.
// Equal ones share the gradient evenly.

#include "operators/common_global.h"

IG_USES_OP(Div);
IG_USES_OP(Equal);

static ig_status global_max_pool_gradient(ig_grad *g)
{
    ig_var y = ig_grad_out(g, 0);
    int64_t axes[IG_RANK_MAX];
    int rank = ig_grad_in_type(g, 0)->rank;
    for (int i = 2; i < rank; i++)
        axes[i - 2] = i;
    ig_var hit = igi_emit_cast(g, ig_emit2(g, IG_OP(Equal), NULL, ig_grad_in(g, 0), y),
                               (ig_dtype)ig_grad_in_type(g, 0)->dtype);
    ig_var count = igi_emit_sum(g, hit, axes, rank > 2 ? rank - 2 : 0);
    ig_var share = ig_emit2(g, IG_OP(Div), NULL, ig_grad_dy(g, 0), count);
    ig_grad_set(g, 0, igi_emit_mul(g, hit, share));
    return IG_OK;
}

static ig_status global_max_pool_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_reduce space, *r = &space;
    igi_global_space(k, r);
#define CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                       \
    case dtype_:                                                                       \
        IGI_REDUCE_EACH(k, r, T_, ig_data(x), C_ most = -(C_)INFINITY,                 \
                        const C_ v = LOAD_(p, i);                                      \
                        most = v > most || v != v ? v : most,                          \
                        STORE_(T_, (T_ *)ig_data(y), o, most))                         \
        return IG_OK;
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(CASE, )
    default:
        return igi_bad_dtype(k, ig_dtype_of(x));
    }
#undef CASE
}

#define DISTINCT(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
static const ig_sample samples[] = {
    {.name = "image", IGI_INPUTS(DISTINCT(2, 3, 4, 3))},
    {.name = "one_axis", IGI_INPUTS(DISTINCT(1, 2, 5))},
    {.name = "three_axes", IGI_INPUTS(DISTINCT(2, 1, 2, 1, 3))},
    {.name = "no_axes", IGI_INPUTS(DISTINCT(2, 3))},
    {.name = "no_elements", .no_gradient = true, IGI_INPUTS(DISTINCT(1, 2, 0))},
    {.name = "empty", IGI_INPUTS(DISTINCT(0, 3, 2, 2))},
    {0},
};

IG_OPERATOR(GlobalMaxPool) = {
    IG_OP_HEAD,
    .name = "GlobalMaxPool",
    .since = 22,
    .doc = "The largest element of each channel; equal ones share the gradient evenly.",
    .inputs = igi_unary_x,
    .outputs = (const ig_port[]){IG_PORT("Y", 'T', "[N, C, 1, ...]."), {0}},
    .types = igi_float_types,
    .flags = IG_OP_STRIDED,
    .infer = igi_global_infer,
    .gradient = global_max_pool_gradient,
    .saves = igi_save_x_y,
    .reference = global_max_pool_reference,
    .samples = samples,
};
