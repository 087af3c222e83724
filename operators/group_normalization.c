// GroupNormalization: y = scale (x - mean) / sqrt(variance + epsilon) + bias,
// statistics per instance and group of channels (Wu and He 2018). All is computed in
// double, whatever stash_type asks for at the least.

#include "operators/common_group.h"

typedef struct group_normalization_attrs {
    uint32_t struct_size;
    float epsilon;
    int64_t num_groups, stash_type;
} group_normalization_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(group_normalization_attrs, epsilon, 1e-5, "Added to the variance."),
    IG_ATTR_INT(group_normalization_attrs,
                num_groups,
                1,
                "Groups, which divide the channels.",
                .flags = IG_REQUIRED,
                .min = 1,
                .max = INT32_MAX),
    IG_ATTR_INT(group_normalization_attrs,
                stash_type,
                IG_FLOAT32,
                "Least precision of the statistics; they are in double."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("X", 'T', "[N, C, ...]."),
    IG_PORT("scale", 'T', "Factor per channel, [C]."),
    IG_PORT("bias", 'T', "Term per channel, [C]."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "Same shape."), {0}};

static ig_status group_normalization_infer(ig_infer *x)
{
    return igi_group_infer(x,
                           ((const group_normalization_attrs *)x->attrs)->num_groups);
}

static ig_status group_normalization_gradient(ig_grad *g)
{
    const group_normalization_attrs *o = ig_grad_attrs(g);
    return igi_group_gradient(g, o->num_groups, (double)o->epsilon);
}

static ig_status group_normalization_reference(ig_kernel_ctx *k)
{
    const group_normalization_attrs *o = k->attrs;
    return igi_group_normalize(k, o->num_groups, (double)o->epsilon);
}

static const group_normalization_attrs two = {sizeof(group_normalization_attrs), 1e-5f,
                                              2, 1};
static const group_normalization_attrs one = {sizeof(group_normalization_attrs), 0.25f,
                                              1, 1};
static const ig_sample samples[] = {
    {.name = "two_groups",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(2, 4, 2, 2), IGI_IN(4), IGI_IN(4))},
    {.name = "one_group",
     .attrs = &one,
     IGI_INPUTS(IGI_IN(3, 2, 3), IGI_IN(2), IGI_IN(2))},
    {.name = "size_one",
     .attrs = &one,
     IGI_INPUTS(IGI_IN(1, 1, 1, 4), IGI_IN(1), IGI_IN(1))},
    {.name = "planes",
     .attrs = &two,
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(2, 6, 3, 11), IGI_IN(6), IGI_IN(6))},
    {.name = "channels_only",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(3, 6), IGI_IN(6), IGI_IN(6))},
    {.name = "empty", .attrs = &two, IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(2), IGI_IN(2))},
    {0},
};

IG_OPERATOR(GroupNormalization) = {
    IG_OP_HEAD,
    .name = "GroupNormalization",
    .since = 21,
    .doc =
        "Each instance and group of channels made standard, then scaled and moved per "
        "channel.",
    .inputs = inputs,
    .outputs = outputs,
    .types = igi_group_types,
    .attrs = attrs,
    .attrs_size = sizeof(group_normalization_attrs),
    .infer = group_normalization_infer,
    .gradient = group_normalization_gradient,
    .saves = igi_group_saves,
    .reference = group_normalization_reference,
    .samples = samples,
};
