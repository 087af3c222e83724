// OptionalGetElement: what an optional holds; a value that is none is its own element.
// An empty optional is an error.

#include "operators/common_flow.h"

IG_USES_OP(Identity);
IG_USES_OP(Optional);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Optional, tensor or sequence.", .flags = IG_ANY_KIND),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The element.", .flags = IG_ANY_KIND | IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};

static ig_status get_infer(ig_infer *x)
{
    const ig_type *t = x->in[0];
    ig_type elem;
    IG_TRY(igi_type_copy(&elem, t->kind == IG_KIND_OPTIONAL ? t->u.elem : t));
    return igi_infer_take(x, 0, &elem);
}

static ig_status get_reference(ig_kernel_ctx *k)
{
    ig_value *v = k->in[0];
    if (v->type.kind == IG_KIND_OPTIONAL)
        v = ((igi_optional *)v)->item;
    if (!v)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "the optional is empty");
    return ig_out_give(k, 0, ig_value_ref(v));
}

static ig_status get_gradient(ig_grad *g)
{
    bool wrapped = ig_grad_in_type(g, 0)->kind == IG_KIND_OPTIONAL;
    ig_grad_set(g, 0,
                ig_emit1(g, wrapped ? IG_OP(Optional) : IG_OP(Identity), NULL,
                         ig_grad_dy(g, 0)));
    return IG_OK;
}

#define GET(name_, ...)                                                                \
    {                                                                                  \
        .name = name_, IGI_INPUTS(__VA_ARGS__)                                         \
    }
static const ig_sample samples[] = {
    GET("optional", IGI_IN_OPTIONAL(IGI_IN(2, 3))),
    GET("of_size_one", IGI_IN_OPTIONAL(IGI_IN(1))),
    GET("of_no_element", IGI_IN_OPTIONAL(IGI_IN(0, 3))),
    GET("tensor", IGI_IN(0, 3)),
    GET("small_tensor", IGI_IN(1, 3)),
    GET("sequence", IGI_IN_SEQUENCE(IGI_IN(2), IGI_IN(3))),
    {0},
};

IG_OPERATOR(OptionalGetElement) = {
    IG_OP_HEAD,
    .name = "OptionalGetElement",
    .since = 18,
    .doc = "The element of an optional.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = get_infer,
    .gradient = get_gradient,
    .reference = get_reference,
    .samples = samples,
};
