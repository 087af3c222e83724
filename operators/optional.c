// Optional: a value wrapped as an optional, or, without an input, an empty optional of
// the given type.

#include "operators/common_flow.h"

IG_USES_OP(OptionalGetElement);

typedef struct optional_attrs {
    uint32_t struct_size;
    const ig_type *type;
} optional_attrs;

static const ig_port inputs[] = {
    IG_PORT("input",
            'T',
            "A tensor or sequence; absent: the optional is empty.",
            .flags = IG_OPTIONAL | IG_ANY_KIND),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The optional.", .flags = IG_ANY_KIND),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_TYPE(optional_attrs, type, "Type of the element; needed without an input."),
    {0},
};

static ig_status optional_infer(ig_infer *x)
{
    const ig_type *elem = ((const optional_attrs *)x->attrs)->type;
    if (x->n_in > 0 && x->in[0])
        elem = x->in[0];
    if (!elem)
        return ig_infer_fail(x, "an empty optional needs attribute type");
    if (elem->kind == IG_KIND_OPTIONAL)
        return ig_infer_fail(x, "an optional cannot hold an optional");
    return igi_infer_wrap(x, 0, IG_KIND_OPTIONAL, elem);
}

static ig_status optional_reference(ig_kernel_ctx *k)
{
    const ig_type *elem = ((const optional_attrs *)k->attrs)->type;
    ig_value *item = k->n_in > 0 ? k->in[0] : NULL, *made = NULL;
    ig_type type;
    IG_TRY(igi_wrapped_type(&type, IG_KIND_OPTIONAL, item ? &item->type : elem));
    ig_status rc = igi_optional_new(&made, &type, item);
    igi_type_fini(&type);
    return rc == IG_OK ? ig_out_give(k, 0, made) : rc;
}

static ig_status optional_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(OptionalGetElement), NULL, ig_grad_dy(g, 0)));
    return IG_OK;
}

static const ig_type f32 = {.dtype = IG_FLOAT32, .rank = -1};
static const ig_type list = {.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &f32};
static const optional_attrs of_tensor = {.struct_size = sizeof(of_tensor),
                                         .type = &f32};
static const optional_attrs of_list = {.struct_size = sizeof(of_list), .type = &list};
static const ig_sample samples[] = {
    {.name = "tensor", IGI_INPUTS(IGI_IN(2, 1))},
    {.name = "sequence",
     IGI_INPUTS(IGI_IN_SEQUENCE(IGI_IN(2), IGI_IN(0))),
     .no_gradient = true},
    {.name = "empty_tensor", .attrs = &of_tensor, .types = IG_T(FLOAT32)},
    {.name = "empty_sequence", .attrs = &of_list, .types = IG_T(FLOAT32)},
    {0},
};

IG_OPERATOR(Optional) = {
    IG_OP_HEAD,
    .name = "Optional",
    .since = 15,
    .doc = "A value, or nothing, as an optional.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(optional_attrs),
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = optional_infer,
    .gradient = optional_gradient,
    .reference = optional_reference,
    .samples = samples,
};
