// Unsqueeze: inserts dims of size 1; `axes` are axes of the output.

#include <inttypes.h>

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor."),
    IG_PORT("axes", 'S', "Axes of the output that get size 1.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("expanded", 'T', "The elements of data, in order."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {'S', IG_T(INT64)}, {0}};

// Mask of the inserted axes; *n: how many (-1: not known).
static ig_status inserted(ig_infer *x, uint64_t *mask, int *n)
{
    int64_t list[IG_RANK_MAX];
    int axes[IG_RANK_MAX], rank = x->in[0]->rank;
    *mask = 0;
    *n = ig_infer_ints(x, 1, list, IG_RANK_MAX);
    if (*n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    for (int i = 0; i < *n; i++)
        if (igi_is_symbol(x, 1, list[i]))
            *n = -1;
    if (*n < 0)
        return IG_OK;
    if (rank + *n > IG_RANK_MAX)
        return ig_infer_fail(x, "rank %d is over the limit of %d", rank + *n,
                             IG_RANK_MAX);
    IG_TRY(ig_infer_axes(x, list, *n, rank + *n, axes));
    for (int i = 0; i < *n; i++)
        *mask |= IG_BIT(axes[i]);
    return IG_OK;
}

static ig_status unsqueeze_infer(ig_infer *x)
{
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t out[IG_RANK_MAX], count;
    int rank = x->in[0]->rank, n;
    uint64_t mask;
    IG_TRY(igi_infer_axis_list(x, 1, &count));
    IG_TRY(inserted(x, &mask, &n));
    if (n < 0 && count > IG_RANK_MAX - rank)
        return ig_infer_fail(x, "%" PRId64 " axes are over the limit", count);
    if (n < 0)
        return ig_infer_fresh(x, 0, count >= 0 ? rank + (int)count : -1);
    for (int a = 0, from = 0; a < rank + n; a++)
        out[a] = mask >> a & 1 ? 1 : dims[from++];
    return ig_infer_set(x, 0, rank + n, out);
}

static bool unsqueeze_view(ig_view *v)
{
    const int64_t *dims = ig_type_dims(v->x->in[0]);
    uint64_t mask;
    int n, from = v->x->in[0]->rank;
    if (!igi_viewable(v))
        return ig_view_contiguous(v);
    if (inserted(v->x, &mask, &n) != IG_OK || n < 0)
        return false;
    int64_t step =
        1; // of an inserted dim: as if it were contiguous with those behind it
    for (int a = from + n - 1; a >= 0; a--) {
        if (mask >> a & 1) {
            v->stride[a] = step;
        } else {
            from--;
            v->stride[a] = v->in_stride[from];
            step = v->in_stride[from] * dims[from];
        }
    }
    return true;
}

static const ig_sample samples[] = {
    {.name = "first", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(0))},
    {.name = "negative_axis", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(-1))},
    {.name = "unsorted", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(4, -3, 1))},
    {.name = "no_axes", IGI_INPUTS(IGI_IN(3), IGI_IN_NO_INTS)},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_INTS(0, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2), IGI_IN_INTS(1))},
    {0},
};

IG_OPERATOR(Unsqueeze) = {
    IG_OP_HEAD,
    .name = "Unsqueeze",
    .since = 25,
    .doc = "Inserts axes of size 1 at the places `axes` of the output.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = unsqueeze_infer,
    .values = igi_values_kept,
    .view = unsqueeze_view,
    .gradient = igi_reshape_gradient,
    .reference = igi_copy_elements,
    .samples = samples,
};
