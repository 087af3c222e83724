// Transpose: axis i of the output is axis perm[i] of the input.

#include "operators/common_move.h"

IG_USES_OP(Transpose);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("transposed", 'T', "The same elements, axes permuted."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(
        igi_transpose_attrs, perm, "Input axis of each output axis; absent: reversed."),
    {0},
};

// Infer has checked that perm is a permutation of the axes.
static void read_perm(const void *options, int rank, int *perm)
{
    const ig_ints *given = &((const igi_transpose_attrs *)options)->perm;
    for (int i = 0; i < rank; i++)
        perm[i] = given->v ? (int)igi_index(given->v[i], rank) : rank - 1 - i;
}

static ig_status transpose_infer(ig_infer *x)
{
    const ig_ints *given = &((const igi_transpose_attrs *)x->attrs)->perm;
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t out[IG_RANK_MAX];
    int perm[IG_RANK_MAX], rank = x->in[0]->rank;
    if (given->v && given->n != rank)
        return ig_infer_fail(x, "perm names %d axes, data has %d", (int)given->n, rank);
    if (given->v)
        IG_TRY(ig_infer_axes(x, given->v, rank, rank, perm));
    read_perm(x->attrs, rank, perm);
    for (int i = 0; i < rank; i++)
        out[i] = dims[perm[i]];
    return ig_infer_set(x, 0, rank, out);
}

static bool transpose_view(ig_view *v)
{
    int perm[IG_RANK_MAX], rank = v->x->in[0]->rank;
    if (!igi_viewable(v))
        return false;
    read_perm(v->x->attrs, rank, perm);
    for (int i = 0; i < rank; i++)
        v->stride[i] = v->in_stride[perm[i]];
    return true;
}

static ig_status transpose_gradient(ig_grad *g)
{
    int64_t inverse[IG_RANK_MAX];
    int perm[IG_RANK_MAX], rank = ig_grad_in_type(g, 0)->rank;
    if (rank < 0)
        return ig_grad_fail(g, IG_UNSUPPORTED, "the rank of data is not known");
    read_perm(ig_grad_attrs(g), rank, perm);
    for (int i = 0; i < rank; i++)
        inverse[perm[i]] = i;
    igi_transpose_attrs back = {sizeof(back), {rank, inverse}};
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(Transpose), &back, ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status transpose_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t stride[IG_RANK_MAX];
    int perm[IG_RANK_MAX], rank = ig_rank(x);
    read_perm(k->attrs, rank, perm);
    for (int i = 0; i < rank; i++)
        stride[i] = ig_strides(x)[perm[i]];
    igi_copy_nd(ig_dtype_of(x), ig_rank(y), ig_dims(y), ig_data(y), 0, ig_strides(y),
                ig_data(x), 0, stride);
    return IG_OK;
}

static const int64_t rotate[] = {1, 2, 0};
static const igi_transpose_attrs rotated = {sizeof(igi_transpose_attrs), {3, rotate}};
static const ig_sample samples[] = {
    {.name = "reversed", IGI_INPUTS(IGI_IN(2, 3, 4))},
    {.name = "rotated", .attrs = &rotated, IGI_INPUTS(IGI_IN(2, 3, 5))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 3))},
    {.name = "vector", IGI_INPUTS(IGI_IN(5))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(Transpose) = {
    IG_OP_HEAD,
    .name = "Transpose",
    .since = 25,
    .doc = "Permutes axes: axis i of the output is axis perm[i] of data.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_transpose_attrs),
    .flags = IG_OP_STRIDED,
    .infer = transpose_infer,
    .values = igi_values_kept,
    .view = transpose_view,
    .gradient = transpose_gradient,
    .reference = transpose_reference,
    .samples = samples,
};
