// Gather: slices of data along one axis, picked by indices of any shape.
//
//   output[p..., i..., q...] = data[p..., indices[i...], q...]
//
// Every index is checked before the first element is written.

#include <inttypes.h>

#include "operators/common_move.h"

IG_USES_OP(GatherGrad);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank >= 1."),
    IG_PORT("indices", 'I', "Indices in [-s, s - 1] for an axis of size s."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT(
        "output", 'T', "Dims of data with those of indices in the place of the axis."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_axis_attrs, axis, 0, "Axis that is indexed, -rank to rank - 1."),
    {0},
};

static ig_status gather_infer(ig_infer *x)
{
    const int64_t *data = ig_type_dims(x->in[0]), *index = ig_type_dims(x->in[1]);
    int64_t dims[2 * IG_RANK_MAX];
    int rank = x->in[0]->rank, depth = x->in[1]->rank, axis, n = 0;
    IG_TRY(
        ig_infer_axis(x, ((const igi_axis_attrs *)x->attrs)->axis, rank, false, &axis));
    for (int i = 0; i < axis; i++)
        dims[n++] = data[i];
    for (int i = 0; i < depth; i++)
        dims[n++] = index[i];
    for (int i = axis + 1; i < rank; i++)
        dims[n++] = data[i];
    return ig_infer_set(x, 0, n, dims); // checks the rank
}

static int gather_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t data[64], index[64];
    if (x->in[0]->rank != 1)
        return IG_INTS_UNKNOWN;
    int size = igi_move_ints(x, 0, data, 64), n = igi_move_ints(x, 1, index, 64);
    if (size < 0 || n < 0 || n > cap)
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < n; i++) {
        int64_t at = igi_is_symbol(x, 1, index[i]) ? -1 : igi_index(index[i], size);
        if (at < 0)
            return IG_INTS_UNKNOWN;
        out[i] = data[at];
    }
    return n;
}

static ig_status gather_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(GatherGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1), ig_grad_in_shape(g, 0)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status gather_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *indices = ig_in(k, 1), *y = ig_out(k, 0);
    const int64_t *dims = ig_dims(x);
    int axis = (int)igi_index(((const igi_axis_attrs *)k->attrs)->axis, ig_rank(x));
    int64_t n = ig_numel(indices), outer = 1, inner = 1;
    IG_TRY(igi_indices_check(k, indices, dims[axis]));
    for (int i = 0; i < axis; i++)
        outer *= dims[i];
    for (int i = axis + 1; i < ig_rank(x); i++)
        inner *= dims[i];
    if (ig_numel(y) == 0)
        return IG_OK;
    const int64_t block[2] = {outer, inner};
    const int64_t to[2] = {n * inner, 1}, from[2] = {dims[axis] * inner, 1};
    for (int64_t i = 0; i < n; i++) {
        int64_t at = igi_index(igi_get_i64(ig_dtype_of(indices), ig_data(indices), i),
                               dims[axis]);
        igi_copy_nd(ig_dtype_of(x), 2, block, ig_data(y), i * inner, to, ig_data(x),
                    at * inner, from);
    }
    return IG_OK;
}

static const igi_axis_attrs axis1 = {sizeof(igi_axis_attrs), 1};
static const igi_axis_attrs last = {sizeof(igi_axis_attrs), -1};
static const double two[] = {1, 0, 2, 1}, minus[] = {-1, 0}, one[] = {1};
static const ig_sample samples[] = {
    {.name = "rows",
     IGI_INPUTS(IGI_IN(3, 4),
                {.rank = 2, .dims = {2, 2}, .dtype = IG_INT64, .data = two})},
    {.name = "scalar_index",
     IGI_INPUTS(IGI_IN(3, 4), {.rank = 0, .dtype = IG_INT64, .data = one})},
    {.name = "negative_index",
     .attrs = &axis1,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                {.rank = 1, .dims = {2}, .dtype = IG_INT64, .data = minus})},
    {.name = "int32_last_axis",
     .attrs = &last,
     IGI_INPUTS(IGI_IN(2, 3),
                {.rank = 1, .dims = {4}, .dtype = IG_INT32, .data = two})},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(2, 1),
                {.rank = 1, .dims = {1}, .dtype = IG_INT64, .data = one})},
    {.name = "no_indices", IGI_INPUTS(IGI_IN(3, 2), IGI_IN_NO_INTS)},
    {.name = "empty_inner", IGI_INPUTS(IGI_IN(3, 0), IGI_IN_INTS(1, 1))},
    {0},
};

IG_OPERATOR(Gather) = {
    IG_OP_HEAD,
    .name = "Gather",
    .since = 13,
    .doc = "Slices of data along `axis`, picked by indices of any shape.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = gather_infer,
    .values = gather_values,
    .gradient = gather_gradient,
    .saves = saves,
    .reference = gather_reference,
    .samples = samples,
};
