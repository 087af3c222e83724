// SumTo: a broadcast undone: x summed over the axes that `shape` lacks or has with
// size 1.
//
// The engine brings gradients of broadcast inputs back to their shape with it. Its own
// gradient is the broadcast. When nothing was broadcast it is a view.

#include <inttypes.h>

#include "operators/common_move.h"
#include "operators/common_reduce.h"

IG_USES_OP(Expand);

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "A tensor that `shape` broadcasts to."),
    IG_PORT("shape",
            'S',
            "Dims of the result, aligned at the last axis.",
            .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "The sums."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_T(INT32) | IG_T(INT64)},
    {'S', IG_T(INT64)},
    {0},
};

static ig_status sum_to_infer(ig_infer *x)
{
    const int64_t *have = ig_type_dims(x->in[0]);
    IG_TRY(igi_infer_listed(x, 1));
    const ig_type *y = x->out[0];
    if (!y || y->rank < 0)
        return IG_OK;
    int shift = x->in[0]->rank - y->rank;
    if (shift < 0)
        return ig_infer_fail(x, "shape has %d dims, x only %d", y->rank,
                             x->in[0]->rank);
    for (int a = 0; a < y->rank; a++) {
        int64_t want = ig_type_dims(y)[a], from = have[a + shift];
        if (want >= 0 && from >= 0 && want != 1 && want != from)
            return ig_infer_fail(
                x, "size %" PRId64 " cannot come from a broadcast of %" PRId64, from,
                want);
    }
    return IG_OK;
}

static bool same_count(const ig_type *a, const ig_type *b)
{
    int64_t n = 1, m = 1;
    for (int i = 0; i < a->rank; i++)
        n *= ig_type_dims(a)[i];
    for (int i = 0; i < b->rank; i++)
        m *= ig_type_dims(b)[i];
    return n == m;
}

static bool sum_to_view(ig_view *v)
{
    return same_count(v->x->in[0], v->x->out[0]) && ig_view_contiguous(v);
}

static ig_status sum_to_gradient(ig_grad *g)
{
    ig_grad_set(
        g, 0,
        ig_emit2(g, IG_OP(Expand), NULL, ig_grad_dy(g, 0), ig_grad_in_shape(g, 0)));
    return IG_OK;
}

static ig_status sum_to_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int shift = ig_rank(x) - ig_rank(y);
    uint64_t summed = 0;
    for (int a = 0; a < ig_rank(x); a++)
        if (a < shift || ig_dims(y)[a - shift] != ig_dims(x)[a])
            summed |= IG_BIT(a);
    igi_reduce r;
    igi_reduce_init(&r, ig_rank(x), ig_dims(x), ig_strides(x), summed);
    return igi_reduce_sum(k, &r, false);
}

static const ig_sample samples[] = {
    {.name = "first_axis", IGI_INPUTS(IGI_IN(4, 3), IGI_IN_INTS(3))},
    {.name = "kept_axis", IGI_INPUTS(IGI_IN(4, 3, 2), IGI_IN_INTS(4, 1, 2))},
    {.name = "to_scalar", IGI_INPUTS(IGI_IN(4, 3), IGI_IN_NO_INTS)},
    {.name = "mixed", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(3, 1))},
    {.name = "unchanged", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(2, 3))},
    {.name = "empty_sum", IGI_INPUTS(IGI_IN(0, 3), IGI_IN_INTS(1, 3))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0), IGI_IN_INTS(1, 0))},
    {0},
};

IG_OPERATOR(SumTo) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "SumTo",
    .since = 1,
    .doc = "Sums x down to `shape`, from which it can be broadcast.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = sum_to_infer,
    .view = sum_to_view,
    .gradient = sum_to_gradient,
    .reference = sum_to_reference,
    .samples = samples,
};
