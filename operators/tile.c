// Tile: the input repeated along each axis.
//
// Gradient: dy seen as [r0, d0, r1, d1, ...], summed over the repeats.

#include <inttypes.h>

#include "operators/common_grad.h"
#include "operators/common_move.h"

IG_USES_OP(Concat);
IG_USES_OP(Gather);
IG_USES_OP(ReduceSum);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Any tensor."),
    IG_PORT("repeats", 'S', "How often, per axis.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Dims of the input times repeats."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'S', IG_T(INT64)},
    {0},
};

static ig_status tile_infer(ig_infer *x)
{
    int64_t repeats[IG_RANK_MAX], dims[IG_RANK_MAX], length;
    int rank = x->in[0]->rank;
    IG_TRY(igi_infer_vector(x, 1, &length));
    if (length >= 0 && length != rank)
        return ig_infer_fail(x, "repeats has %" PRId64 " numbers for %d axes", length,
                             rank);
    int n = igi_infer_sizes(x, 1, repeats);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n != rank)
        return ig_infer_fresh(x, 0, rank);
    for (int i = 0; i < rank; i++) {
        dims[i] = ig_dim_mul(x->syms, ig_type_dims(x->in[0])[i], repeats[i]);
        if (dims[i] == -1 && repeats[i] >= 0 && ig_type_dims(x->in[0])[i] >= 0)
            return ig_infer_fail(x, "axis %d: the size is too large", i);
    }
    return ig_infer_set(x, 0, rank, dims);
}

static int tile_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t in[64], repeats;
    int n = igi_move_ints(x, 0, in, 64), have = ig_infer_ints(x, 1, &repeats, 1);
    if (n < 0 || x->in[0]->rank != 1 || have != 1 || igi_is_symbol(x, 1, repeats) ||
        repeats < 0 || (n > 0 && repeats > cap / n))
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < n * (int)repeats; i++)
        out[i] = in[i % n];
    return n * (int)repeats;
}

static ig_status tile_gradient(ig_grad *g)
{
    const igi_axis_attrs first = {sizeof(first), 0};
    const igi_reduce_attrs drop = {sizeof(drop), 0, 0};
    int64_t order[2 * IG_RANK_MAX], axes[IG_RANK_MAX];
    int rank = ig_grad_in_type(g, 0)->rank;
    ig_var dy = ig_grad_dy(g, 0);
    if (rank < 0 || 2 * rank > IG_RANK_MAX)
        return ig_grad_fail(g, IG_UNSUPPORTED, "rank %d is not known or too large",
                            rank);
    for (int i = 0; i < rank; i++) {
        order[2 * i] = i;
        order[2 * i + 1] = rank + i;
        axes[i] = 2 * i;
    }
    if (rank > 0) {
        ig_var both = ig_emit2(g, IG_OP(Concat), &first, ig_grad_in(g, 1),
                               ig_grad_in_shape(g, 0));
        ig_var split =
            ig_emit2(g, IG_OP(Gather), NULL, both, ig_grad_ints(g, order, 2 * rank));
        dy = ig_emit2(g, IG_OP(ReduceSum), &drop, igi_emit_reshape(g, dy, split),
                      ig_grad_ints(g, axes, rank));
    }
    ig_grad_set(g, 0, dy);
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

// Axis by axis from the last: blocks that are whole already are repeated behind
// themselves.
static ig_status tile_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t stride[IG_RANK_MAX], repeats[IG_RANK_MAX];
    int rank = ig_rank(x), n = igi_read_ints(ig_in(k, 1), repeats, IG_RANK_MAX);
    bool fits = n == rank;
    for (int i = 0; i < rank && fits; i++)
        fits = repeats[i] >= 0 && ig_dims(y)[i] == ig_dims(x)[i] * repeats[i];
    if (!fits)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "repeats do not fit the planned output");
    if (ig_numel(y) == 0)
        return IG_OK;
    igi_strides_contiguous(rank, ig_dims(y), stride);
    igi_copy_nd(ig_dtype_of(y), rank, ig_dims(x), ig_data(y), 0, stride, ig_data(x), 0,
                ig_strides(x));
    int64_t dims[IG_RANK_MAX];
    memcpy(dims, ig_dims(x), (size_t)rank * sizeof(*dims));
    for (int a = rank - 1; a >= 0; a--) {
        for (int64_t r = 1; r < repeats[a]; r++)
            igi_copy_nd(ig_dtype_of(y), rank, dims, ig_data(y),
                        r * ig_dims(x)[a] * stride[a], stride, ig_data(y), 0, stride);
        dims[a] = ig_dims(y)[a];
    }
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(2, 2))},
    {.name = "middle", IGI_INPUTS(IGI_IN(2, 1, 3), IGI_IN_INTS(1, 4, 1))},
    {.name = "vector", IGI_INPUTS(IGI_IN(3), IGI_IN_INTS(3))},
    {.name = "once", IGI_INPUTS(IGI_IN(1, 2), IGI_IN_INTS(1, 1))},
    {.name = "none", IGI_INPUTS(IGI_IN(2, 2), IGI_IN_INTS(0, 2))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_NO_INTS)},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2), IGI_IN_INTS(3, 2))},
    {0},
};

IG_OPERATOR(Tile) = {
    IG_OP_HEAD,
    .name = "Tile",
    .since = 13,
    .doc = "The input repeated along each axis as often as `repeats` says.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = tile_infer,
    .values = tile_values,
    .gradient = tile_gradient,
    .saves = saves,
    .reference = tile_reference,
    .samples = samples,
};
