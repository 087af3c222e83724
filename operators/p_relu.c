// PRelu: y = x where x >= 0, slope x below; slope is broadcast to x (He et al. 2015).
// Its derivative at 0 is 1.

#include "operators/common_unary.h"

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input tensor."),
    IG_PORT("slope", 'T', "Slopes below 0, broadcast to the shape of X."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_T(INT32) | IG_T(INT64) | IG_T(UINT32) | IG_T(UINT64)},
    {0},
};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

static ig_status p_relu_infer(ig_infer *x)
{
    int64_t both;
    const ig_type *in = x->in[0], *slope = x->in[1];
    int shift = in->rank - slope->rank;
    if (shift < 0)
        return ig_infer_fail(x, "slope must not have more dims than X");
    for (int i = 0; i < slope->rank; i++) {
        int64_t have = ig_type_dims(in)[shift + i], with = ig_type_dims(slope)[i];
        if (!ig_dim_broadcast(x->syms, have, with, &both) ||
            (have >= 0 && both >= 0 && both != have))
            return ig_infer_fail(x, "slope does not broadcast to X in axis %d",
                                 shift + i);
    }
    return ig_infer_copy(x, 0, 0);
}

static ig_status p_relu_gradient(ig_grad *g)
{
    ig_var x = ig_grad_in(g, 0), dy = ig_grad_dy(g, 0);
    ig_var below = igi_emit_below(g, x, 0);
    if (ig_grad_wants(g, 0))
        ig_grad_set(
            g, 0, igi_emit_where(g, below, igi_emit_mul(g, dy, ig_grad_in(g, 1)), dy));
    if (ig_grad_wants(g, 1)) // the engine sums it down
        ig_grad_set(g, 1, igi_emit_masked(g, below, igi_emit_mul(g, dy, x)));
    return IG_OK;
}

static ig_status p_relu_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_FLOAT(a < 0 ? b * a : a) IGI_CASES2_SIGNED(
                      a < 0 ? igi_wrap_mul(b, a) : a) IGI_CASES2_UNSIGNED((void)b, a));
}

static const ig_sample samples[] = {
    IGI_SAMPLE_2("same_shape",
                 NULL,
                 IG_FILL_NONZERO,
                 IG_FILL_NORMAL,
                 0,
                 (IG_SHAPE_IN(3, 5)),
                 (IG_SHAPE_IN(3, 5))),
    IGI_SAMPLE_2("channels",
                 NULL,
                 IG_FILL_NONZERO,
                 IG_FILL_NORMAL,
                 0,
                 (IG_SHAPE_IN(2, 3, 4)),
                 (IG_SHAPE_IN(3, 1))),
    IGI_SAMPLE_2("scalar",
                 NULL,
                 IG_FILL_NONZERO,
                 IG_FILL_NORMAL,
                 0,
                 (IG_SHAPE_IN(67)),
                 (.rank = 0)),
    IGI_SAMPLE_2("size_one",
                 NULL,
                 IG_FILL_NONZERO,
                 IG_FILL_NORMAL,
                 0,
                 (IG_SHAPE_IN(1, 1)),
                 (IG_SHAPE_IN(1))),
    IGI_SAMPLE_2("empty",
                 NULL,
                 IG_FILL_NONZERO,
                 IG_FILL_NORMAL,
                 0,
                 (IG_SHAPE_IN(0, 3)),
                 (IG_SHAPE_IN(3))),
    {0},
};

IG_OPERATOR(PRelu) = {
    IG_OP_HEAD,
    .name = "PRelu",
    .since = 16,
    .doc = "X where X >= 0, slope X below, elementwise; slope is broadcast to X.",
    .inputs = inputs,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = p_relu_infer,
    .gradient = p_relu_gradient,
    .saves = saves,
    .reference = p_relu_reference,
    .samples = samples,
};
