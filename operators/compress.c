// Compress: the slices along an axis, or the elements of the flattened input, where a
// condition holds. The condition may be shorter than the axis: the rest is left out.

#include <inttypes.h>

#include "operators/common_move.h"

IG_USES_OP(GatherGrad);
IG_USES_OP(NonZero);
IG_USES_OP(ReduceProd);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Tensor of rank >= 1."),
    IG_PORT("condition", 'B', "A vector: which slices stay."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The slices that stay.", .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_axis_attrs,
        axis,
        IGI_NO_AXIS,
        "Axis of the slices, -rank to rank - 1; absent: the input is flattened."),
    {0},
};

static ig_status compress_infer(ig_infer *x)
{
    int64_t axis = ((const igi_axis_attrs *)x->attrs)->axis, dims[IG_RANK_MAX], length;
    int rank = x->in[0]->rank, a = 0;
    IG_TRY(igi_infer_vector(x, 1, &length));
    if (axis == IGI_NO_AXIS)
        return ig_infer_fresh(x, 0, 1);
    IG_TRY(ig_infer_axis(x, axis, rank, false, &a));
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    dims[a] = ig_dim_fresh(x->syms);
    return ig_infer_set(x, 0, rank, dims);
}

// The slices of dy go back to where NonZero finds the condition to hold.
static ig_status compress_gradient(ig_grad *g)
{
    static const int64_t flat[1] = {-1};
    const igi_axis_attrs *o = ig_grad_attrs(g);
    const igi_reduce_attrs keep = {sizeof(keep), 1, 0};
    bool vector = o->axis == IGI_NO_AXIS;
    const igi_axis_attrs at = {sizeof(at), vector ? 0 : o->axis};
    ig_var shape = ig_grad_in_shape(g, 0), to = shape;
    if (vector)
        to = ig_emit1(g, IG_OP(ReduceProd), &keep, shape);
    ig_var where =
        igi_emit_reshape(g, ig_emit1(g, IG_OP(NonZero), NULL, ig_grad_in(g, 1)),
                         ig_grad_ints(g, flat, 1));
    ig_var dx = ig_emit3(g, IG_OP(GatherGrad), &at, ig_grad_dy(g, 0), where, to);
    ig_grad_set(g, 0, vector ? igi_emit_reshape(g, dx, shape) : dx);
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status compress_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *condition = ig_in(k, 1);
    const uint8_t *keep = ig_data(condition);
    int64_t axis = ((const igi_axis_attrs *)k->attrs)->axis, dims[IG_RANK_MAX];
    bool vector = axis == IGI_NO_AXIS;
    int a = vector ? 0 : (int)igi_index(axis, ig_rank(x)),
        rank = vector ? 1 : ig_rank(x);
    int64_t outer = 1, inner = 1, count = 0, at = 0, n = ig_numel(condition);
    memcpy(dims, ig_dims(x), (size_t)ig_rank(x) * sizeof(*dims));
    if (vector)
        dims[0] = ig_numel(x);
    for (int i = 0; i < rank; i++)
        *(i < a ? &outer : &inner) *= i == a ? 1 : dims[i];
    int64_t size = dims[a];
    for (int64_t i = 0; i < n; i++) {
        if (keep[i] && i >= size)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "condition %" PRId64 " holds, but there are only "
                                  "%" PRId64 " slices",
                                  i, size);
        count += keep[i] != 0;
    }
    dims[a] = count;
    IG_TRY(ig_out_alloc(k, 0, rank, dims));
    const ig_tensor *y = ig_out(k, 0);
    const int64_t block[2] = {outer, inner};
    const int64_t to[2] = {count * inner, 1}, from[2] = {size * inner, 1};
    for (int64_t i = 0; i < n && ig_numel(y) > 0; i++)
        if (keep[i])
            igi_copy_nd(ig_dtype_of(x), 2, block, ig_data(y), at++ * inner, to,
                        ig_data(x), i * inner, from);
    return IG_OK;
}

static const igi_axis_attrs axis1 = {sizeof(igi_axis_attrs), 1};
static const igi_axis_attrs last = {sizeof(igi_axis_attrs), -1};
#define CONDITION(n_, ...)                                                             \
    {                                                                                  \
        IG_SHAPE_IN(n_), IGI_DATA(IG_BOOL, __VA_ARGS__)                                \
    }
static const ig_sample samples[] = {
    {.name = "flattened", IGI_INPUTS(IGI_IN(3, 2), CONDITION(5, 0, 1, 0, 0, 1))},
    {.name = "axis",
     .attrs = &axis1,
     IGI_INPUTS(IGI_IN(2, 3, 2), CONDITION(3, 1, 0, 1))},
    {.name = "shorter", .attrs = &last, IGI_INPUTS(IGI_IN(3, 4), CONDITION(2, 0, 1))},
    {.name = "none", .attrs = &axis1, IGI_INPUTS(IGI_IN(3, 2), CONDITION(2, 0, 0))},
    {.name = "size_one", .attrs = &axis1, IGI_INPUTS(IGI_IN(1, 1), CONDITION(1, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2), {.rank = 1, .dtype = IG_BOOL})},
    {0},
};

IG_OPERATOR(Compress) = {
    IG_OP_HEAD,
    .name = "Compress",
    .since = 11,
    .doc = "The slices along `axis`, or the elements, where the condition holds.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = compress_infer,
    .gradient = compress_gradient,
    .saves = saves,
    .reference = compress_reference,
    .samples = samples,
};
