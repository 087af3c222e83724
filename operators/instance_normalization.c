// InstanceNormalization: y = scale (x - mean) / sqrt(variance + epsilon) + B,
// statistics per instance and channel (Ulyanov et al. 2016).

#include "operators/common_group.h"

typedef struct instance_normalization_attrs {
    uint32_t struct_size;
    float epsilon;
} instance_normalization_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(
        instance_normalization_attrs, epsilon, 1e-5, "Added to the variance."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("input", 'T', "[N, C, ...]."),
    IG_PORT("scale", 'T', "Factor per channel, [C]."),
    IG_PORT("B", 'T', "Term per channel, [C]."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("output", 'T', "Same shape."), {0}};

static ig_status instance_normalization_infer(ig_infer *x)
{
    return igi_group_infer(x, 0);
}

static ig_status instance_normalization_gradient(ig_grad *g)
{
    const instance_normalization_attrs *o = ig_grad_attrs(g);
    return igi_group_gradient(g, 0, (double)o->epsilon);
}

static ig_status instance_normalization_reference(ig_kernel_ctx *k)
{
    const instance_normalization_attrs *o = k->attrs;
    return igi_group_normalize(k, 0, (double)o->epsilon);
}

static const instance_normalization_attrs large = {sizeof(instance_normalization_attrs),
                                                   0.25f};
static const ig_sample samples[] = {
    {.name = "image", IGI_INPUTS(IGI_IN(2, 3, 2, 3), IGI_IN(3), IGI_IN(3))},
    {.name = "epsilon",
     .attrs = &large,
     IGI_INPUTS(IGI_IN(2, 2, 5), IGI_IN(2), IGI_IN(2))},
    {.name = "size_one",
     .attrs = &large,
     IGI_INPUTS(IGI_IN(1, 1, 1, 4), IGI_IN(1), IGI_IN(1))},
    {.name = "rows",
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(2, 3, 3, 11), IGI_IN(3), IGI_IN(3))},
    {.name = "equal_and_nan",
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(1, 3, 3),
                 .data = (const double[]){0.1, 0.1, 0.1, 1, NAN, 2, 1, 2, INFINITY}},
                IGI_IN(3),
                IGI_IN(3))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(2), IGI_IN(2))},
    {0},
};

IG_OPERATOR(InstanceNormalization) = {
    IG_OP_HEAD,
    .name = "InstanceNormalization",
    .since = 22,
    .doc =
        "Each instance and channel made standard, then scaled and moved per channel.",
    .inputs = inputs,
    .outputs = outputs,
    .types = igi_group_types,
    .attrs = attrs,
    .attrs_size = sizeof(instance_normalization_attrs),
    .infer = instance_normalization_infer,
    .gradient = instance_normalization_gradient,
    .saves = igi_group_saves,
    .reference = instance_normalization_reference,
    .samples = samples,
};
