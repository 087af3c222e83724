// SequenceAt: one item of a sequence. No copy: the item itself, so that in eager code
// it keeps its own history and needs no rule.
//
// Gradient (of graphs): a sequence of zeros with dy at that position.

#include "operators/common_flow.h"

IG_USES_OP(SequenceAtGrad);

static const ig_port inputs[] = {
    IG_PORT("input_sequence", 'T', "The sequence.", .flags = IG_SEQ),
    IG_PORT("position", 'I', "One number; negative ones count from the end."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("tensor", 'T', "The item.", .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

static ig_status at_infer(ig_infer *x)
{
    ig_type t;
    IG_TRY(igi_type_copy(&t, x->in[0]->u.elem));
    return igi_infer_take(x, 0, &t);
}

static ig_status at_reference(ig_kernel_ctx *k)
{
    const igi_sequence *s = igi_sequence_in(k, 0);
    int64_t at;
    IG_TRY(igi_position(k, 1, s->n, false, 0, &at));
    return ig_out_give(k, 0, ig_value_ref(s->items[at]));
}

static ig_status at_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(SequenceAtGrad), NULL, ig_grad_dy(g, 0),
                         ig_grad_in(g, 0), ig_grad_in(g, 1)));
    return IG_OK;
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

#define AT(name_, at_, ...)                                                            \
    {                                                                                  \
        .name = name_, IGI_INPUTS(IGI_IN_SEQUENCE(__VA_ARGS__), at_)                   \
    }
static const ig_sample samples[] = {
    AT("first", IGI_IN_NUMBER(IG_INT64, 0), IGI_IN(2, 3), IGI_IN(4)),
    AT("from_the_end", IGI_IN_NUMBER(IG_INT32, -2), IGI_IN(2, 1), IGI_IN(4)),
    AT("vector_position", IGI_IN_INTS(1), IGI_IN(1), IGI_IN(0, 3)),
    {0},
};

IG_OPERATOR(SequenceAt) = {
    IG_OP_HEAD,         .name = "SequenceAt",
    .since = 11,        .doc = "The item of a sequence at a position.",
    .inputs = inputs,   .outputs = outputs,
    .types = types,     .flags = IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = at_infer,  .gradient = at_gradient,
    .saves = saves,     .reference = at_reference,
    .samples = samples,
};
