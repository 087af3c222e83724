// GatherNDGrad: the linear map that is GatherND's gradient with batch dims: slices of
// dy added into zeros, in the order of indices. Its own gradient is GatherND again.

#include "operators/common_index.h"

IG_USES_OP(GatherND);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Of the gathered shape."),
    IG_PORT("indices", 'I', "As given to GatherND."),
    IG_PORT("shape", 'I', "Dims of the tensor that was read.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Of dims `shape`."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_batch_attrs,
                batch_dims,
                0,
                "As given to GatherND.",
                .min = 0,
                .max = IG_RANK_MAX),
    {0},
};

static ig_status gather_nd_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 2);
}

static ig_status gather_nd_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(GatherND), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status gather_nd_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    igi_spots s;
    IG_TRY(igi_spots_nd(k, dx, ig_in(k, 1),
                        ((const igi_batch_attrs *)k->attrs)->batch_dims, &s));
    if (ig_numel(dy) != s.count * s.inner)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dy has not the shape that GatherND would give");
    igi_fill_zero(dx);
    return igi_scatter_spots(k, &s, dy, dx, IGI_SCATTER_ADD);
}

static const igi_batch_attrs batch1 = {sizeof(igi_batch_attrs), 1};
static const ig_sample samples[] = {
    {.name = "batch",
     .attrs = &batch1,
     IGI_INPUTS(IGI_IN(2, 2, 2),
                {IG_SHAPE_IN(2, 2, 1), IGI_DATA(IG_INT64, 1, -2, 0, 0)},
                IGI_IN_INTS(2, 3, 2))},
    {.name = "size_one",
     .attrs = &batch1,
     IGI_INPUTS(IGI_IN(1, 1),
                {IG_SHAPE_IN(1, 1, 1), IGI_DATA(IG_INT64, 0)},
                IGI_IN_INTS(1, 2))},
    {.name = "no_tuples",
     .attrs = &batch1,
     IGI_INPUTS(
         IGI_IN(2, 0), {IG_SHAPE_IN(2, 0, 1), .dtype = IG_INT64}, IGI_IN_INTS(2, 3))},
    {0},
};

IG_OPERATOR(GatherNDGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "GatherNDGrad",
    .since = 1,
    .doc = "Zeros of dims `shape` into which the slices of dy are added where GatherND "
           "with the same indices would read.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_batch_attrs),
    .infer = gather_nd_grad_infer,
    .gradient = gather_nd_grad_gradient,
    .saves = saves,
    .reference = gather_nd_grad_reference,
    .samples = samples,
};
