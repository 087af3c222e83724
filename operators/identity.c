// Identity: the value itself, of any kind. A tensor becomes a view of its input, so no
// element moves; the reference copies when somebody insists on separate memory.

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("input", 'V', "Tensor, sequence or optional.", .flags = IG_ANY_KIND),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output",
            'V',
            "The same value.",
            .flags = IG_ANY_KIND,
            .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {{'V', IG_ALL_TYPES}, {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {.name = "sequence", IGI_INPUTS(IGI_IN_SEQUENCE(IGI_IN(2), IGI_IN(0, 3)))},
    {.name = "optional", IGI_INPUTS(IGI_IN_OPTIONAL(IGI_IN(2)))},
    {.name = "empty_optional", IGI_INPUTS({.kind = IG_KIND_OPTIONAL})},
    {0},
};

static ig_status identity_infer(ig_infer *x)
{
    if (x->in[0]->kind == IG_KIND_TENSOR)
        return ig_infer_copy(x, 0, 0);
    return x->out[0] ? igi_type_copy(x->out[0], x->in[0]) : IG_OK;
}

static bool identity_view(ig_view *v)
{
    const ig_type *t = v->x->in[0];
    if (t->kind != IG_KIND_TENSOR)
        return false;
    for (int i = 0; i < t->rank; i++)
        v->stride[i] = v->in_stride[i];
    return true;
}

static ig_status identity_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_dy(g, 0));
    return IG_OK;
}

static ig_status identity_reference(ig_kernel_ctx *k)
{
    if (k->in[0]->type.kind != IG_KIND_TENSOR)
        return ig_out_give(k, 0, ig_value_ref(k->in[0]));
    return igi_copy_to_output(k, 0, 0);
}

IG_OPERATOR(Identity) = {
    IG_OP_HEAD,
    .name = "Identity",
    .since = 25,
    .doc = "The same value: a tensor, a sequence or an optional.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = identity_infer,
    .values = ig_values_same,
    .view = identity_view,
    .gradient = identity_gradient,
    .reference = identity_reference,
    .samples = samples,
};
