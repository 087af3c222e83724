// SequenceErase: a sequence without one of its items.
//
// Gradient: zeros inserted where the item stood.

#include "operators/common_flow.h"

IG_USES_OP(Add);
IG_USES_OP(Expand);
IG_USES_OP(Less);
IG_USES_OP(SequenceAt);
IG_USES_OP(SequenceInsert);
IG_USES_OP(SequenceLength);
IG_USES_OP(Shape);
IG_USES_OP(Where);

static const ig_port inputs[] = {
    IG_PORT("input_sequence", 'T', "The sequence.", .flags = IG_SEQ),
    IG_PORT("position",
            'I',
            "Which item; negative counts from the end; absent: the last.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output_sequence", 'T', "One item less.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

static ig_status erase_infer(ig_infer *x)
{
    ig_type t;
    IG_TRY(igi_type_copy(&t, x->in[0]));
    return igi_infer_take(x, 0, &t);
}

static ig_status erase_reference(ig_kernel_ctx *k)
{
    const igi_sequence *s = igi_sequence_in(k, 0);
    int64_t at;
    IG_TRY(igi_position(k, 1, s->n, false, s->n - 1, &at));
    ig_value **items = igi_alloc_array((size_t)s->n, sizeof(*items));
    if (!items)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i + 1 < s->n; i++)
        items[i] = s->items[i < at ? i : i + 1];
    ig_status rc = igi_give_sequence(k, 0, s->v.type.u.elem, items, s->n - 1);
    igi_free(items);
    return rc;
}

/* zeros in the shape of the erased item, put back where it was: at >= 0, or counted
 * from the end of the longer sequence. */
static ig_status erase_gradient(ig_grad *g)
{
    const int64_t last = -1;
    ig_var x = ig_grad_in(g, 0), at = ig_grad_in(g, 1), in[3] = {ig_grad_dy(g, 0)}, dx;
    if (!at.h)
        at = ig_grad_ints(g, &last, 1);
    const ig_type *elem = ig_grad_in_type(g, 0)->u.elem;
    ig_var item = ig_emit2(g, IG_OP(SequenceAt), NULL, x, at);
    in[1] =
        ig_emit2(g, IG_OP(Expand), NULL, ig_grad_scalar(g, (ig_dtype)elem->dtype, 0),
                 ig_emit1(g, IG_OP(Shape), NULL, item));
    at = igi_emit_cast(g, at, IG_INT64);
    ig_var n = ig_emit1(g, IG_OP(SequenceLength), NULL, x);
    in[2] = ig_emit3(g, IG_OP(Where), NULL,
                     ig_emit2(g, IG_OP(Less), NULL, at, ig_grad_scalar(g, IG_INT64, 0)),
                     ig_emit2(g, IG_OP(Add), NULL, at, n), at);
    IG_TRY(ig_emit_n(g, IG_OP(SequenceInsert), NULL, in, 3, &dx, 1));
    ig_grad_set(g, 0, dx);
    return IG_OK;
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

#define ERASE(name_, at_, ...)                                                         \
    {                                                                                  \
        .name = name_, IGI_INPUTS(IGI_IN_SEQUENCE(__VA_ARGS__), at_)                   \
    }
static const ig_sample samples[] = {
    ERASE("last", IGI_IN_ABSENT, IGI_IN(2, 3), IGI_IN(4)),
    ERASE("first", IGI_IN_NUMBER(IG_INT64, 0), IGI_IN(2, 3), IGI_IN(1), IGI_IN(0)),
    ERASE("from_the_end", IGI_IN_NUMBER(IG_INT32, -2), IGI_IN(2), IGI_IN(4)),
    ERASE("only", IGI_IN_ABSENT, IGI_IN(2)),
    {0},
};

IG_OPERATOR(SequenceErase) = {
    IG_OP_HEAD,           .name = "SequenceErase",
    .since = 11,          .doc = "A sequence without the item at a position.",
    .inputs = inputs,     .outputs = outputs,
    .types = types,       .flags = IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = erase_infer, .gradient = erase_gradient,
    .saves = saves,       .reference = erase_reference,
    .samples = samples,
};
