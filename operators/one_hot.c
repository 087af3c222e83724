// OneHot: a new axis of size `depth` in which on_value stands at each index.
//
//   output[i..., d] = values[indices[i...] == d]   (axis -1)
//
// Indices in [-depth, depth - 1]; others give off_value everywhere. Gradient of values:
// what flowed into each of both.

#include <inttypes.h>

#include "operators/common_grad.h"
#include "operators/common_move.h"

IG_USES_OP(Concat);
IG_USES_OP(OneHot);
IG_USES_OP(ReduceSum);

static const ig_port inputs[] = {
    IG_PORT("indices", 'I', "Any tensor; fractions are cut off.", .flags = IG_NODIFF),
    IG_PORT("depth", 'D', "One number: the size of the new axis.", .flags = IG_VALUE),
    IG_PORT("values", 'T', "A vector: off_value, on_value."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Dims of indices with `depth` at the axis."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES},
    {'I', IG_NUMERIC & ~IG_T(BFLOAT16)},
    {'D', IG_NUMERIC & ~IG_T(BFLOAT16)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_axis_attrs, axis, -1, "Place of the new axis, -rank - 1 to rank."),
    {0},
};

// The depth as a dim, -1 when it is not known yet.
static int64_t depth_of(ig_infer *x)
{
    int64_t v;
    const ig_tensor *t = x->known && x->known[1] ? ig_value_tensor(x->known[1]) : NULL;
    if (t && ig_data(t) && ig_numel(t) == 1)
        return igi_scalar_i64(t, 0);
    return igi_move_ints(x, 1, &v, 1) == 1 ? v : -1;
}

static ig_status one_hot_infer(ig_infer *x)
{
    const int64_t *in = ig_type_dims(x->in[0]);
    int64_t dims[IG_RANK_MAX + 1], depth = depth_of(x), same;
    int rank = x->in[0]->rank, axis, n = 0;
    IG_TRY(ig_infer_axis(x, ((const igi_axis_attrs *)x->attrs)->axis, rank + 1, false,
                         &axis));
    if (x->in[2]->rank != 1)
        return ig_infer_fail(x, "values must be a vector");
    IG_TRY(
        ig_infer_equal(x, ig_type_dims(x->in[2])[0], 2, "the length of values", &same));
    if (x->known && x->known[1] && depth < 0)
        return ig_infer_fail(x, "depth is %" PRId64 ", but sizes are >= 0", depth);
    for (int i = 0; i <= rank; i++)
        if (i == axis)
            dims[i] = depth == -1 ? ig_dim_fresh(x->syms) : depth;
        else
            dims[i] = in[n++];
    return ig_infer_set(x, 0, rank + 1, dims);
}

static ig_status one_hot_gradient(ig_grad *g)
{
    static const int64_t front[1] = {0};
    const igi_axis_attrs first = {sizeof(first), 0};
    const igi_reduce_attrs whole = {sizeof(whole), 0, 0};
    ig_var dy = ig_grad_dy(g, 0), bits[2], part[2];
    for (int i = 0; i < 2; i++)
        bits[i] = igi_emit_unsqueeze(g, ig_grad_scalar(g, IG_BOOL, i), front, 1);
    ig_var hot =
        ig_emit3(g, IG_OP(OneHot), ig_grad_attrs(g), ig_grad_in(g, 0), ig_grad_in(g, 1),
                 ig_emit2(g, IG_OP(Concat), &first, bits[0], bits[1]));
    part[0] = igi_emit_unmasked(g, hot, dy);
    part[1] = igi_emit_masked(g, hot, dy);
    for (int i = 0; i < 2; i++)
        part[i] = igi_emit_unsqueeze(g, ig_emit1(g, IG_OP(ReduceSum), &whole, part[i]),
                                     front, 1);
    ig_grad_set(g, 2, ig_emit2(g, IG_OP(Concat), &first, part[0], part[1]));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(2)),
    IG_SAVE_IN(1, IG_BIT(2)),
    {0},
};

static ig_status one_hot_reference(ig_kernel_ctx *k)
{
    const ig_tensor *indices = ig_in(k, 0), *values = ig_in(k, 2), *y = ig_out(k, 0);
    int axis = (int)igi_index(((const igi_axis_attrs *)k->attrs)->axis, ig_rank(y));
    int64_t depth = ig_dims(y)[axis], inner = 1, total = ig_numel(y);
    if (ig_numel(values) != 2)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "values must have two elements");
    for (int i = axis + 1; i < ig_rank(y); i++)
        inner *= ig_dims(y)[i];
    if (total == 0)
        return IG_OK;
    const int64_t zero = 0, one = 1;
    igi_copy_nd(ig_dtype_of(y), 1, &total, ig_data(y), 0, &one, ig_data(values), 0,
                &zero);
    for (int64_t i = 0, n = ig_numel(indices); i < n; i++) {
        int64_t v = igi_get_i64(ig_dtype_of(indices), ig_data(indices), i);
        int64_t at = igi_index(v, depth);
        if (at >= 0)
            igi_copy_nd(ig_dtype_of(y), 1, &one, ig_data(y),
                        (i / inner * depth + at) * inner + i % inner, &one,
                        ig_data(values), 1, &one);
    }
    return IG_OK;
}

static const igi_axis_attrs axis0 = {sizeof(igi_axis_attrs), 0};
static const igi_axis_attrs axis1 = {sizeof(igi_axis_attrs), -2};
#define DEPTH(type_, v_) IGI_IN_NUMBER(type_, v_)
static const ig_sample samples[] = {
    {.name = "last",
     IGI_INPUTS({IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT64, 0, 2, -1, 3)},
                DEPTH(IG_INT64, 3),
                IGI_IN(2))},
    {.name = "first",
     .attrs = &axis0,
     IGI_INPUTS({IG_SHAPE_IN(3), IGI_DATA(IG_INT32, 1, -4, -2)},
                DEPTH(IG_INT32, 2),
                IGI_IN(2))},
    {.name = "floats",
     .attrs = &axis1,
     IGI_INPUTS({IG_SHAPE_IN(2, 3), IGI_DATA(IG_FLOAT32, 0, 1.75, 2, -0.5, 9, 3)},
                {IG_SHAPE_IN(1), IGI_DATA(IG_FLOAT32, 4)},
                IGI_IN(2))},
    {.name = "scalar",
     IGI_INPUTS(IGI_IN_NUMBER(IG_UINT8, 1), DEPTH(IG_UINT8, 3), IGI_IN(2))},
    {.name = "size_one",
     IGI_INPUTS(
         {IG_SHAPE_IN(1, 1), IGI_DATA(IG_INT64, 0)}, DEPTH(IG_INT64, 1), IGI_IN(2))},
    {.name = "no_indices", IGI_INPUTS(IGI_IN_NO_INTS, DEPTH(IG_INT64, 3), IGI_IN(2))},
    {.name = "no_depth", IGI_INPUTS(IGI_IN_INTS(0, 1), DEPTH(IG_INT64, 0), IGI_IN(2))},
    {0},
};

IG_OPERATOR(OneHot) = {
    IG_OP_HEAD,
    .name = "OneHot",
    .since = 11,
    .doc =
        "A new axis of size depth in which on_value stands at each index and off_value "
        "elsewhere; indices outside [-depth, depth - 1] give off_value only.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = one_hot_infer,
    .gradient = one_hot_gradient,
    .saves = saves,
    .reference = one_hot_reference,
    .samples = samples,
};
