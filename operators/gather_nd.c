// GatherND: slices of data, picked by tuples of indices behind `batch_dims` shared
// dims.
//
//   output[b..., i...] = data[b..., indices[b..., i..., 0], indices[b..., i..., 1],
//   ...]

#include "operators/common_index.h"

IG_USES_OP(GatherNDGrad);
IG_USES_OP(ScatterND);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank r >= 1."),
    IG_PORT("indices",
            'I',
            "Tuples in the last dim, of 1 to r - batch_dims indices in [-s, s - 1]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Dims of indices but the last, then those of a slice."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_batch_attrs,
                batch_dims,
                0,
                "Leading dims that data and indices share.",
                .min = 0,
                .max = IG_RANK_MAX),
    {0},
};

static ig_status gather_nd_infer(ig_infer *x)
{
    int64_t dims[2 * IG_RANK_MAX];
    int rank;
    IG_TRY(igi_infer_slices(x, x->in[0]->rank, ig_type_dims(x->in[0]),
                            ((const igi_batch_attrs *)x->attrs)->batch_dims, &rank,
                            dims));
    return rank < 0 ? ig_infer_unknown(x, 0) : ig_infer_set(x, 0, rank, dims);
}

// ScatterND has no batch dims, so those need an operator of our own.
static ig_status gather_nd_gradient(ig_grad *g)
{
    const igi_scatter_nd_attrs add = {sizeof(add), IGI_SCATTER_ADD};
    bool batch = ((const igi_batch_attrs *)ig_grad_attrs(g))->batch_dims > 0;
    ig_var dy = ig_grad_dy(g, 0), index = ig_grad_in(g, 1);
    ig_grad_set(g, 0,
                batch ? ig_emit3(g, IG_OP(GatherNDGrad), ig_grad_attrs(g), dy, index,
                                 ig_grad_in_shape(g, 0))
                      : ig_emit3(g, IG_OP(ScatterND), &add,
                                 igi_emit_zeros_of_input(g, 0), index, dy));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status gather_nd_reference(ig_kernel_ctx *k)
{
    igi_spots s;
    IG_TRY(igi_spots_nd(k, ig_in(k, 0), ig_in(k, 1),
                        ((const igi_batch_attrs *)k->attrs)->batch_dims, &s));
    igi_gather_spots(&s, ig_in(k, 0), ig_out(k, 0));
    return IG_OK;
}

static const igi_batch_attrs batch1 = {sizeof(igi_batch_attrs), 1};
static const igi_batch_attrs batch2 = {sizeof(igi_batch_attrs), 2};
static const ig_sample samples[] = {
    {.name = "elements",
     IGI_INPUTS(IGI_IN(2, 2),
                {IG_SHAPE_IN(3, 2), IGI_DATA(IG_INT64, 0, 0, 1, -1, 0, 0)})},
    {.name = "slices",
     IGI_INPUTS(IGI_IN(2, 3, 2),
                {IG_SHAPE_IN(2, 1, 2), IGI_DATA(IG_INT64, 0, 1, 1, -3)})},
    {.name = "batch",
     .attrs = &batch1,
     IGI_INPUTS(IGI_IN(2, 3, 2), {IG_SHAPE_IN(2, 1), IGI_DATA(IG_INT64, 1, -1)})},
    {.name = "batch_2_equal",
     .attrs = &batch2,
     IGI_INPUTS(IGI_IN(2, 1, 3, 2),
                {IG_SHAPE_IN(2, 1, 2, 1), IGI_DATA(IG_INT64, 2, 2, 0, 1)})},
    {.name = "one_tuple",
     IGI_INPUTS(IGI_IN(3, 2), {IG_SHAPE_IN(1), IGI_DATA(IG_INT64, 2)})},
    {.name = "to_scalar",
     IGI_INPUTS(IGI_IN(3, 2), {IG_SHAPE_IN(2), IGI_DATA(IG_INT64, 2, 0)})},
    {.name = "no_tuples",
     IGI_INPUTS(IGI_IN(3, 2), {IG_SHAPE_IN(0, 2), .dtype = IG_INT64})},
    {.name = "empty_slices",
     IGI_INPUTS(IGI_IN(3, 0), {IG_SHAPE_IN(2, 1), IGI_DATA(IG_INT64, 2, 0)})},
    {0},
};

IG_OPERATOR(GatherND) = {
    IG_OP_HEAD,
    .name = "GatherND",
    .since = 13,
    .doc = "Slices of data, picked by the index tuples in the last dim of indices.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_batch_attrs),
    .infer = gather_nd_infer,
    .gradient = gather_nd_gradient,
    .saves = saves,
    .reference = gather_nd_reference,
    .samples = samples,
};
