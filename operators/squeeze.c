// Squeeze: drops dims of size 1: those named by axes, or all of them.

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor."),
    IG_PORT("axes",
            'S',
            "Axes to drop, each of size 1. Absent: all axes of size 1; empty: none.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("squeezed", 'T', "The elements of data, in order."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {'S', IG_T(INT64)}, {0}};

// Mask of the dropped axes. *known is false when it cannot be told.
static ig_status dropped(ig_infer *x, uint64_t *mask, bool *known)
{
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t list[IG_RANK_MAX];
    int axes[IG_RANK_MAX], rank = x->in[0]->rank;
    *mask = 0;
    *known = true;
    int n = ig_infer_ints(x, 1, list, IG_RANK_MAX);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n == IG_INTS_ABSENT) {
        for (int a = 0; a < rank; a++) {
            *known = *known && dims[a] >= 0;
            *mask |= dims[a] == 1 ? IG_BIT(a) : 0;
        }
        return IG_OK;
    }
    for (int i = 0; i < n; i++)
        *known = *known && !igi_is_symbol(x, 1, list[i]);
    *known = *known && n >= 0;
    if (!*known)
        return IG_OK;
    IG_TRY(ig_infer_axes(x, list, n, rank, axes));
    for (int i = 0; i < n; i++) {
        if (dims[axes[i]] >= 0 && dims[axes[i]] != 1)
            return ig_infer_fail(x, "axis %d is not of size 1", axes[i]);
        *mask |= IG_BIT(axes[i]);
    }
    return IG_OK;
}

static ig_status squeeze_infer(ig_infer *x)
{
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t out[IG_RANK_MAX], count = -1;
    int rank = x->in[0]->rank, n = 0;
    uint64_t mask;
    bool known, axes = x->n_in > 1 && x->in[1];
    if (axes)
        IG_TRY(igi_infer_axis_list(x, 1, &count));
    IG_TRY(dropped(x, &mask, &known));
    if (!known)
        return ig_infer_fresh(x, 0,
                              count >= 0 && count <= rank ? rank - (int)count : -1);
    for (int a = 0; a < rank; a++)
        if (!(mask >> a & 1))
            out[n++] = dims[a];
    return ig_infer_set(x, 0, n, out);
}

static bool squeeze_view(ig_view *v)
{
    uint64_t mask;
    bool known;
    int n = 0;
    if (!igi_viewable(v))
        return ig_view_contiguous(v);
    if (dropped(v->x, &mask, &known) != IG_OK || !known)
        return false;
    for (int a = 0; a < v->x->in[0]->rank; a++)
        if (!(mask >> a & 1))
            v->stride[n++] = v->in_stride[a];
    return true;
}

static const ig_sample samples[] = {
    {.name = "one_axis", IGI_INPUTS(IGI_IN(1, 3, 4), IGI_IN_INTS(0))},
    {.name = "negative_axis", IGI_INPUTS(IGI_IN(1, 3, 1, 5), IGI_IN_INTS(-2))},
    {.name = "two_axes", IGI_INPUTS(IGI_IN(1, 3, 1), IGI_IN_INTS(2, 0))},
    {.name = "all", IGI_INPUTS(IGI_IN(1, 3, 1, 2))},
    {.name = "no_axes", IGI_INPUTS(IGI_IN(1, 3), IGI_IN_NO_INTS)},
    {.name = "to_scalar", IGI_INPUTS(IGI_IN(1))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty", IGI_INPUTS(IGI_IN(1, 0), IGI_IN_INTS(0))},
    {0},
};

IG_OPERATOR(Squeeze) = {
    IG_OP_HEAD,
    .name = "Squeeze",
    .since = 25,
    .doc = "Drops the axes named by `axes`, or all axes of size 1.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = squeeze_infer,
    .values = igi_values_kept,
    .view = squeeze_view,
    .gradient = igi_reshape_gradient,
    .reference = igi_copy_elements,
    .samples = samples,
};
