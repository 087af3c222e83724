// OptionalHasElement: false for an empty optional and for an absent input; a value that
// is no optional is there.

#include "operators/common_flow.h"

static const ig_port inputs[] = {
    IG_PORT("input",
            'T',
            "Optional, tensor or sequence.",
            .flags = IG_OPTIONAL | IG_ANY_KIND | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'B', "Rank 0."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'B', IG_T(BOOL)},
    {0},
};

static ig_status has_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 0, NULL);
}

static ig_status has_reference(ig_kernel_ctx *k)
{
    const ig_value *v = k->n_in > 0 ? k->in[0] : NULL;
    bool has =
        v && (v->type.kind != IG_KIND_OPTIONAL || ((const igi_optional *)v)->item);
    *(uint8_t *)ig_data(ig_out(k, 0)) = has;
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "full", IGI_INPUTS(IGI_IN_OPTIONAL(IGI_IN(2, 1)))},
    {.name = "empty", IGI_INPUTS({.kind = IG_KIND_OPTIONAL})},
    {.name = "tensor", IGI_INPUTS(IGI_IN(0, 3))},
    {.name = "absent", IGI_INPUTS(IGI_IN_ABSENT)},
    {.name = "sequence", IGI_INPUTS(IGI_IN_SEQUENCE(IGI_IN(1)))},
    {0},
};

IG_OPERATOR(OptionalHasElement) = {
    IG_OP_HEAD,
    .name = "OptionalHasElement",
    .since = 18,
    .doc = "Whether an optional holds something.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED,
    .infer = has_infer,
    .gradient = ig_gradient_none,
    .reference = has_reference,
    .samples = samples,
};
