// CenterCropPad: cut, or extended by zeros, around the center to the dims that are
// asked for. An odd difference leaves the smaller half before.

#include "operators/common_move.h"

IG_USES_OP(CenterCropPad);

typedef struct center_crop_pad_attrs {
    uint32_t struct_size;
    ig_ints axes;
} center_crop_pad_attrs;

static const ig_port inputs[] = {
    IG_PORT("input_data", 'T', "Any tensor."),
    IG_PORT(
        "shape", 'I', "Dims of the result, of `axes` when given.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output_data", 'T', "The input with these dims."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(center_crop_pad_attrs,
                 axes,
                 "Axes that shape belongs to, negative: from the end; absent: all."),
    {0},
};

static ig_status center_crop_pad_infer(ig_infer *x)
{
    const ig_ints *list = &((const center_crop_pad_attrs *)x->attrs)->axes;
    int64_t want[IG_RANK_MAX], dims[IG_RANK_MAX], length;
    int axes[IG_RANK_MAX], rank = x->in[0]->rank, n = list->v ? (int)list->n : rank;
    if (list->n > rank)
        return ig_infer_fail(x, "more axes given than the input has");
    if (list->v)
        IG_TRY(ig_infer_axes(x, list->v, n, rank, axes));
    IG_TRY(igi_infer_vector(x, 1, &length));
    if (length >= 0 && length != n)
        return ig_infer_fail(x, "shape must have a number per axis");
    int got = igi_infer_sizes(x, 1, want);
    if (got == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    for (int i = 0; i < n; i++)
        dims[list->v ? axes[i] : i] = got == n ? want[i] : ig_dim_fresh(x->syms);
    return ig_infer_set(x, 0, rank, dims);
}

// Cutting is the transpose of padding, with the halves in the same places.
static ig_status center_crop_pad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(CenterCropPad), NULL, ig_grad_dy(g, 0),
                         ig_grad_in_shape(g, 0)));
    return IG_OK;
}

static ig_status center_crop_pad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t dims[IG_RANK_MAX], stride[IG_RANK_MAX], from = 0, to = 0;
    int rank = ig_rank(x);
    igi_strides_contiguous(rank, ig_dims(y), stride);
    for (int i = 0; i < rank; i++) {
        int64_t have = ig_dims(x)[i], want = ig_dims(y)[i];
        dims[i] = have < want ? have : want;
        from += (have - dims[i]) / 2 * ig_strides(x)[i];
        to += (want - dims[i]) / 2 * stride[i];
    }
    if (ig_dtype_of(y) != IG_STRING) // strings are made empty
        igi_fill_zero(y);
    igi_copy_nd(ig_dtype_of(y), rank, dims, ig_data(y), to, stride, ig_data(x), from,
                ig_strides(x));
    return IG_OK;
}

static const center_crop_pad_attrs some = {sizeof(center_crop_pad_attrs),
                                           IGI_INTS(-1, 0)};
static const ig_sample samples[] = {
    {.name = "crop", IGI_INPUTS(IGI_IN(5, 4), IGI_IN_INTS(2, 3))},
    {.name = "pad", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(5, 7))},
    {.name = "both", IGI_INPUTS(IGI_IN(6, 2, 3), IGI_IN_INTS(3, 5, 3))},
    {.name = "axes", .attrs = &some, IGI_INPUTS(IGI_IN(3, 2, 6), IGI_IN_INTS(3, 4))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN_INTS(2, 1))},
    {.name = "from_empty", IGI_INPUTS(IGI_IN(0, 2), IGI_IN_INTS(2, 2))},
    {.name = "to_empty", IGI_INPUTS(IGI_IN(2, 2), IGI_IN_INTS(0, 2))},
    {0},
};

IG_OPERATOR(CenterCropPad) = {
    IG_OP_HEAD,
    .name = "CenterCropPad",
    .since = 18,
    .doc = "Cut, or extended by zeros, around the center to the dims of `shape`.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(center_crop_pad_attrs),
    .flags = IG_OP_STRIDED,
    .infer = center_crop_pad_infer,
    .gradient = center_crop_pad_gradient,
    .reference = center_crop_pad_reference,
    .samples = samples,
};
