// GatherElements: one element per index, the other coordinates being the index's own.
//
//   output[i, j] = data[i, indices[i, j]]   (axis 1; any rank)

#include "operators/common_index.h"

IG_USES_OP(ScatterElements);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank >= 1."),
    IG_PORT("indices",
            'I',
            "Of data's rank; indices in [-s, s - 1] for an axis of size s."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Of the dims of indices."),
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

static ig_status gather_elements_infer(ig_infer *x)
{
    IG_TRY(igi_infer_elements(x, ((const igi_axis_attrs *)x->attrs)->axis));
    return ig_infer_copy(x, 0, 1);
}

static ig_status gather_elements_gradient(ig_grad *g)
{
    const igi_axis_attrs *o = ig_grad_attrs(g);
    const igi_scatter_attrs add = {sizeof(add), o->axis, IGI_SCATTER_ADD};
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(ScatterElements), &add, igi_emit_zeros_of_input(g, 0),
                         ig_grad_in(g, 1), ig_grad_dy(g, 0)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status gather_elements_reference(ig_kernel_ctx *k)
{
    igi_spots s;
    IG_TRY(igi_spots_elements(k, ig_in(k, 0), ig_in(k, 1),
                              ((const igi_axis_attrs *)k->attrs)->axis, &s));
    igi_gather_spots(&s, ig_in(k, 0), ig_out(k, 0));
    return IG_OK;
}

static const igi_axis_attrs axis1 = {sizeof(igi_axis_attrs), 1};
static const igi_axis_attrs last = {sizeof(igi_axis_attrs), -1};
static const ig_sample samples[] = {
    {.name = "axis_0",
     IGI_INPUTS(IGI_IN(3, 3),
                {IG_SHAPE_IN(2, 3), IGI_DATA(IG_INT64, 1, 2, 0, 2, 0, 0)})},
    {.name = "negative_int32",
     .attrs = &axis1,
     IGI_INPUTS(IGI_IN(2, 2), {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT32, 0, 0, -1, -2)})},
    {.name = "middle_smaller",
     .attrs = &axis1,
     IGI_INPUTS(IGI_IN(3, 4, 2),
                {IG_SHAPE_IN(2, 3, 1), IGI_DATA(IG_INT64, 3, 1, 1, 0, 0, -4)})},
    {.name = "vector",
     .attrs = &last,
     IGI_INPUTS(IGI_IN(3), {IG_SHAPE_IN(5), IGI_DATA(IG_INT64, 2, 2, 0, 1, 2)})},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(1, 1), {IG_SHAPE_IN(1, 1), IGI_DATA(IG_INT64, 0)})},
    {.name = "no_indices",
     IGI_INPUTS(IGI_IN(3, 2), {IG_SHAPE_IN(0, 2), .dtype = IG_INT64})},
    {0},
};

IG_OPERATOR(GatherElements) = {
    IG_OP_HEAD,
    .name = "GatherElements",
    .since = 13,
    .doc = "One element of data per index along `axis`; the other coordinates are the "
           "index's own.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = gather_elements_infer,
    .gradient = gather_elements_gradient,
    .saves = saves,
    .reference = gather_elements_reference,
    .samples = samples,
};
