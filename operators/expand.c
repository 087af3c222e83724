// Expand: the input broadcast to `shape` in both directions (a dim of 1 in shape keeps
// the input's). As a view it costs nothing: repeated axes have stride 0.

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Any tensor."),
    IG_PORT("shape", 'S', "Dims to broadcast with.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The input, repeated along axes of size 1."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'S', IG_T(INT64)},
    {0},
};

static ig_status expand_infer(ig_infer *x)
{
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t want[IG_RANK_MAX], out[IG_RANK_MAX], length;
    int rank = x->in[0]->rank;
    IG_TRY(igi_infer_vector(x, 1, &length));
    int n = igi_infer_sizes(x, 1, want);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n < 0 && length < 0)
        return ig_infer_unknown(x, 0);
    if (n < 0)
        return ig_infer_fresh(x, 0,
                              (int)(length > IG_RANK_MAX ? -1
                                    : length > rank      ? length
                                                         : rank));
    int most = n > rank ? n : rank;
    for (int i = 0; i < most; i++) {
        int64_t have = i < most - rank ? 1 : dims[i - (most - rank)];
        int64_t with = i < most - n ? 1 : want[i - (most - n)];
        if (!ig_dim_broadcast(x->syms, have, with, &out[i]))
            return ig_infer_fail(
                x, "shape does not broadcast with the input in axis %d", i);
    }
    return ig_infer_set(x, 0, most, out);
}

static int expand_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t in[64];
    int n = igi_move_ints(x, 0, in, 64);
    const ig_type *t = x->out[0];
    if (n < 0 || !t || t->rank < 0 || t->rank > 1)
        return IG_INTS_UNKNOWN;
    int64_t count = t->rank == 0 ? 1 : ig_type_dims(t)[0];
    if (count < 0 || count > cap || (n != 1 && n != count))
        return IG_INTS_UNKNOWN;
    for (int64_t i = 0; i < count; i++)
        out[i] = in[n == 1 ? 0 : i];
    return (int)count;
}

static bool expand_view(ig_view *v)
{
    const ig_type *in = v->x->in[0], *out = v->x->out[0];
    int shift = out->rank - in->rank;
    for (int a = 0; a < out->rank; a++) {
        bool repeat = a < shift || ig_type_dims(in)[a - shift] != ig_type_dims(out)[a];
        v->stride[a] = repeat ? 0 : v->in_stride[a - shift];
    }
    return igi_viewable(v);
}

static ig_status expand_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_dy(g, 0)); // the engine sums it down
    return IG_OK;
}

static ig_status expand_reference(ig_kernel_ctx *k)
{
    return igi_copy_to_output(k, 0, 0);
}

static const ig_sample samples[] = {
    {.name = "more_axes", IGI_INPUTS(IGI_IN(3, 1), IGI_IN_INTS(2, 1, 6))},
    {.name = "unchanged", IGI_INPUTS(IGI_IN(3, 1), IGI_IN_INTS(3, 4))},
    {.name = "shorter_shape", IGI_INPUTS(IGI_IN(2, 3, 1), IGI_IN_INTS(4))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_INTS(2, 2))},
    {.name = "no_shape", IGI_INPUTS(IGI_IN(2), IGI_IN_NO_INTS)},
    {.name = "to_empty", IGI_INPUTS(IGI_IN(1, 3), IGI_IN_INTS(0, 3))},
    {0},
};

IG_OPERATOR(Expand) = {
    IG_OP_HEAD,
    .name = "Expand",
    .since = 13,
    .doc = "Broadcasts the input with `shape`, as elementwise operators do.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = expand_infer,
    .values = expand_values,
    .view = expand_view,
    .gradient = expand_gradient,
    .reference = expand_reference,
    .samples = samples,
};
