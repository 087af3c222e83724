// SliceGrad: the linear map that is Slice's gradient: dy placed where the slice was,
// zeros elsewhere. Its own gradient is the slice again.

#include "operators/common_move.h"

IG_USES_OP(Slice);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Of the slice's shape."),
    IG_PORT("shape", 'S', "Dims of the tensor that was sliced.", .flags = IG_VALUE),
    IG_PORT("starts", 'I', "As given to Slice.", .flags = IG_VALUE),
    IG_PORT("ends", 'I', "As given to Slice.", .flags = IG_VALUE),
    IG_PORT("axes", 'I', "As given to Slice.", .flags = IG_VALUE | IG_OPTIONAL),
    IG_PORT("steps", 'I', "As given to Slice.", .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Of dims `shape`."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'S', IG_T(INT64)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

static ig_status slice_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 1);
}

static ig_status slice_grad_gradient(ig_grad *g)
{
    ig_var in[5] = {ig_grad_dy(g, 0)}, dx;
    for (int i = 2; i <= 5; i++)
        in[i - 1] = ig_grad_in(g, i);
    IG_TRY(ig_emit_n(g, IG_OP(Slice), NULL, in, 5, &dx, 1));
    ig_grad_set(g, 0, dx);
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0)),
    IG_SAVE_IN(4, IG_BIT(0)),
    IG_SAVE_IN(5, IG_BIT(0)),
    {0},
};

static ig_status slice_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    int64_t stride[IG_RANK_MAX], to = 0;
    igi_span spans[IG_RANK_MAX];
    igi_slices s;
    int rank = ig_rank(dx);
    IG_TRY(igi_slices_read(k, 2, rank, &s));
    igi_slices_apply(&s, rank, ig_dims(dx), spans);
    if (ig_rank(dy) != rank)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dy has rank %d, what was sliced %d", ig_rank(dy), rank);
    for (int a = 0; a < rank; a++) {
        if (spans[a].count != ig_dims(dy)[a])
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "dy has not the shape of the slice (axis %d)", a);
        stride[a] = ig_strides(dx)[a] * spans[a].step;
        to += ig_strides(dx)[a] * spans[a].start;
    }
    igi_fill_zero(dx);
    igi_copy_nd(ig_dtype_of(dy), rank, ig_dims(dy), ig_data(dx),
                ig_numel(dy) > 0 ? to : 0, stride, ig_data(dy), 0, ig_strides(dy));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "usual",
     IGI_INPUTS(IGI_IN(2, 2),
                IGI_IN_INTS(4, 5),
                IGI_IN_INTS(1, 0),
                IGI_IN_INTS(3, 4),
                IGI_IN_INTS(0, 1),
                IGI_IN_INTS(1, 2))},
    {.name = "backwards",
     IGI_INPUTS(IGI_IN(2, 3),
                IGI_IN_INTS(2, 5),
                IGI_IN_INTS(-1),
                IGI_IN_INTS(-2147483648),
                IGI_IN_INTS(-1),
                IGI_IN_INTS(-2))},
    {.name = "nothing",
     IGI_INPUTS(IGI_IN(0, 2), IGI_IN_INTS(4, 2), IGI_IN_INTS(3), IGI_IN_INTS(1))},
    {0},
};

IG_OPERATOR(SliceGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "SliceGrad",
    .since = 1,
    .doc = "Zeros of dims `shape` with dy where Slice with the same lists would read.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = slice_grad_infer,
    .gradient = slice_grad_gradient,
    .saves = saves,
    .reference = slice_grad_reference,
    .samples = samples,
};
