// ReduceMax: maxima over axes. NaN wins over everything; the maximum of nothing is
// -inf, or the smallest integer, or false.
//
// Gradient: equal maxima share it evenly, dx = dy * (x == y) / count(x == y).

#include <math.h>

#include "operators/common_reduce.h"

IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Mul);
IG_USES_OP(ReduceSum);
IG_USES_OP(Where);

static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_T(INT8) | IG_T(INT32) | IG_T(INT64) | IG_T(UINT8) |
              IG_T(UINT32) | IG_T(UINT64) | IG_T(BOOL)},
    {'S', IG_T(INT64)},
    {0},
};

static ig_status reduce_max_gradient(ig_grad *g)
{
    const igi_reduce_attrs *o = ig_grad_attrs(g);
    const igi_reduce_attrs keep = {sizeof(keep), 1, o->noop_with_empty_axes};
    ig_dtype dtype = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_var y = igi_reduce_restore(g, ig_grad_out(g, 0));
    ig_var dy = igi_reduce_restore(g, ig_grad_dy(g, 0));
    ig_var equal = ig_emit2(g, IG_OP(Equal), NULL, ig_grad_in(g, 0), y);
    ig_var mask = ig_emit3(g, IG_OP(Where), NULL, equal, ig_grad_scalar(g, dtype, 1),
                           ig_grad_scalar(g, dtype, 0));
    ig_var count = ig_emit2(g, IG_OP(ReduceSum), &keep, mask, ig_grad_in(g, 1));
    ig_var share = ig_emit2(g, IG_OP(Div), NULL, dy, count);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, mask, share));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_OUT(0, IG_BIT(0)),
    {0},
};

// `v > most` is false for NaN, so NaN is asked for; `most != most` never lets it go.
#define MAX_CASE(dtype_, T_, C_, LOAD_, STORE_, least_)                                \
    case dtype_: {                                                                     \
        T_ *out = ig_data(y);                                                          \
        IGI_REDUCE_EACH(                                                               \
            r, T_, ig_data(x), C_ most = (C_)(least_), const C_ v = LOAD_(p, i);       \
            most = v > most || v != v ? v : most, STORE_(T_, out, o, most))            \
        return IG_OK;                                                                  \
    }
#define IDENTITY_OF(dtype_)                                                            \
    ((dtype_) == IG_INT8 ? INT8_MIN : (dtype_) == IG_INT32 ? INT32_MIN : INT64_MIN)
#define SIGNED_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                \
    MAX_CASE(dtype_, T_, C_, LOAD_, STORE_, IDENTITY_OF(dtype_))

static ig_status reduce_max_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_reduce space, *r = &space;
    IG_TRY(igi_reduce_read(k, r));
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(MAX_CASE, -INFINITY)
        IGI_SIGNED_ROWS(SIGNED_CASE, )
        IGI_UNSIGNED_ROWS(MAX_CASE, 0)
        IGI_BOOL_ROWS(MAX_CASE, 0)
    default:
        return igi_bad_dtype(k, ig_dtype_of(x));
    }
}

IG_OPERATOR(ReduceMax) = {
    IG_OP_HEAD,
    .name = "ReduceMax",
    .since = 20,
    .doc = "Maxima over `axes`; equal ones share the gradient evenly.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_max_gradient,
    .saves = saves,
    .reference = reduce_max_reference,
    .samples = igi_reduce_samples,
};
